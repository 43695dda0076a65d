"""Pictures as plain data, and as matplotlib figures or SVG."""
