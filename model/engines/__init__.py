"""Engines that run the network over its one storage: ``dense`` anywhere, ``events`` on CPUs."""
