"""Rounds, task streams, auction, configuration, records and the command line: what runs a simulation."""
