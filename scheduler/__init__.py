"""Rounds, task streams, configuration, records, experiments and the command line: what runs a simulation."""
