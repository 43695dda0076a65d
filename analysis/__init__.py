"""Reads the tables of runs: metrics, plots, report. Knows only what the records say."""
