"""Comparisons of ways to grow, each over many seeds. What the numbers mean is worked out in ``analysis.comparison``."""
