"""Recordings that are spikes already: spike trains in HDF5, event cameras."""
