"""Sweeps: many runs that differ in some fields, in one folder, by one process or many, on one machine or a cluster."""
