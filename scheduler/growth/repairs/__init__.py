"""Repairs of old experts that faults or drift have struck: by what, and which of them at an auction."""
