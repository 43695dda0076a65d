"""Rewiring: what is removed from the chip and moved on it between training and growth. See ``model.rewiring.steps``."""
