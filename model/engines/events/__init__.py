"""The event-driven engine: its cost follows the spikes. ``engine`` is the way in; kernels are compiled by numba."""
