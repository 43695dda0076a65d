"""Spikes and their probabilities with little memory: kept, packed, or made when they are asked for."""
