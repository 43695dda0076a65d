"""Runs for other tools: ``nir`` (the net), ``graph`` (its wiring), ``chip`` (places, routes, settings, weights).

One file a format; ``population`` takes the net off its chip. Nothing here is written before all of it is known.
"""
