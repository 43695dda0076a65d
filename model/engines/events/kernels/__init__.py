"""Numba kernels of the event-driven engine, and the vectors of lanes that they compute with."""
