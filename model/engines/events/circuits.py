"""Circuits of the neurons that run, whoever they are, kept while the chip stays as it is."""

from __future__ import annotations

from torch import Tensor

from smalti.model.chip.links import Links
from smalti.model.engines.events.circuit import Circuit
from smalti.model.engines.events.plan import Chip, make_plan
from smalti.model.neuron import NetworkOptions
from smalti.model.state import ChipState

MOST = 64  # subsets of neurons whose circuits are kept


class Circuits:
    """The chip as the event-driven engine reads it.

    Args:
        state, links: of the chip, on the CPU.
        channels: input channels I.
        options: what all neurons share.
    """

    def __init__(self, state: ChipState, links: Links, channels: int, options: NetworkOptions) -> None:
        self._state, self._links, self._channels, self._options = state, links, channels, options
        self._kept: dict[object, Circuit] = {}
        self._version: object = None

    def of(self, fires: Tensor, outputs: Tensor, all_adjoints: bool, threads: int | None) -> Circuit:
        """The circuit of some neurons, remade when links, devices or neurons have changed.

        Args:
            fires: neurons that may fire [N] bool.
            outputs: slots of the output units to read [O].
            all_adjoints: adjoints of all neurons and gradients of all rows are wanted, not only those that learn.
            threads: most that compute; None for as many as torch has.
        """
        state = self._state
        cells = state.leak, state.synapse, state.strength, state.recovery
        flags = state.mask, state.frozen, state.alive, state.output, *cells
        version = self._links.version, *(flag._version for flag in flags)  # torch counts changes in place
        if version != self._version:
            self._kept, self._version = {}, version
        key = fires.numpy().tobytes(), outputs.numpy().tobytes(), all_adjoints, threads
        if key not in self._kept:
            if len(self._kept) >= MOST:
                del self._kept[next(iter(self._kept))]
            learns = state.mask if all_adjoints else state.mask & ~state.frozen
            chip = Chip(
                source=state.source.numpy(),
                mask=state.mask.numpy(),
                learns=learns.numpy(),
                fires=fires.numpy(),
                outputs=outputs.numpy(),
                channels=self._channels,
            )
            self._kept[key] = self.of_chip(chip, threads, all_adjoints)
        return self._kept[key]

    def of_chip(
        self, chip: Chip, threads: int | None, all_adjoints: bool = False, slots: Tensor | None = None
    ) -> Circuit:
        """The circuit of a chip whose neurons are those of all slots, or of some [S]."""
        constants = [values.numpy() for values in self._state.constants(self._options, slots)]
        return Circuit.of(make_plan(chip, all_adjoints), constants, self._options, threads)
