"""The chip as it is built: energy and time by an architecture file, devices that drift, its footprint."""
