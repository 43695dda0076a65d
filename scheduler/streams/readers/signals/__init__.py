"""Signals, series and tables of features, as spikes where they rise and fall."""
