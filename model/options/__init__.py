"""What options may be: their ranges, and values as users give them. Knows no option by name."""
