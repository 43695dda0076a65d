"""Class densities in the spikes of the first expert's hidden neurons alone: a gate on features of the chip.

Where that expert is a trunk (``gating.trunk``) it runs in any case, so that nothing else runs for the gate, and nothing
waits. A class that the trunk was not trained for is told by what its neurons happen to say of it: all classes of other
experts hang on these neurons, so that a task of the first expert that returns is served by it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from smalti.model.gating.networks.seed import SeedGating


class TrunkGating(SeedGating):
    """``SeedGating`` that hears one expert; implements ``ExpertListener``."""

    def renew(self, widths: Mapping[int, int], trained: int | None) -> None:
        """Hear the first of these experts that has neurons; arguments as in ``SeedGating``."""
        first = next((expert for expert, neurons in widths.items() if neurons), None)
        super().renew({} if first is None else {first: widths[first]}, trained)
