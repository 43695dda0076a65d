"""Birth, death and repair on the chip, and what a chain that is being born would hear."""
