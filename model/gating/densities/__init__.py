"""Densities of classes from running sums: what is kept of samples, and what is fitted to it."""
