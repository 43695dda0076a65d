"""The chip: tiles, routing tiles, who uses which wire, and the links laid over them."""
