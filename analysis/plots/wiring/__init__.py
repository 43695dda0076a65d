"""Pictures of the chip and its wires: tiles, hops, functional modules, connectivity."""
