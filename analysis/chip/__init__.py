"""The chip of a run: its net as a graph, its wires, and its modules."""
