"""Smalti: a spiking network on a tiled chip that decides by auction when, where and for which task a neuron is born."""

__version__ = "0.2.0"
