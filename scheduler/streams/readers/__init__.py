"""Readers of data: files as their publishers have them, a user's arrays; each gives a ``Loaded``."""
