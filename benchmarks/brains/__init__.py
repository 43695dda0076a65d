"""The net of Growing Brains with rate units, and the trials that it learns."""
