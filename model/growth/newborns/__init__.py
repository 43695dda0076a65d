"""Newborns that are not on the chip yet: simulated by themselves, scaled, trained, and proposed."""
