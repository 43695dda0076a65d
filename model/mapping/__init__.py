"""Nets without places, and how they get some: neurons to tiles, synapses to links, under the limits of the chip."""
