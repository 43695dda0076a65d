"""A trial on the chip: something is done, looked at and taken back, bit by bit, as if nothing had been.

What a mapper tries in its own books costs no write: devices, and the counts of their writes, are as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

from torch import Tensor

from smalti.agents.expert import Expert
from smalti.scheduler.growth.grower import Grower


def mark(grower: Grower, expert: Expert, devices: Sequence[Tensor] = ()) -> Callable[[], None]:
    """What gives back all that is now, for an expert that neurons and outputs are born for or taken from.

    Args:
        grower: of the network.
        expert: which.
        devices: what is known of devices beside the chip and the optimiser, [K, R, n] each.
    """
    network, lots = grower.network, grower.model.random.getstate()
    state, moments = deepcopy(network.state.state_dict()), deepcopy(grower.moments.state_dict())
    known, links, rewrite = [values.clone() for values in devices], network.links.copy(), network.memristors.remember()
    born, outcomes, bought, number = [*grower.born], [*grower.outcomes], [*grower.bought], grower.number
    neurons, outputs, tile = [*expert.neurons], expert.outputs, expert.output_tile

    def restore() -> None:
        network.links.revert(links)
        network.links.ledger.keep(grower.kept.wires)
        network.state.load_state_dict(state)
        grower.moments.load_state_dict(moments)
        for values, before in zip(devices, known, strict=True):
            values.copy_(before)
        rewrite()
        grower.born[:], grower.outcomes[:], grower.bought[:] = born, outcomes, bought
        grower.number = number
        expert.neurons, expert.outputs, expert.output_tile = [*neurons], outputs, tile
        grower.model.random.setstate(lots)

    return restore
