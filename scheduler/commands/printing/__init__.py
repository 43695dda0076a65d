"""What commands print: runs, data, energy, and how far something is."""
