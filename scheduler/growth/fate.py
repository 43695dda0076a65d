"""What becomes of neurons: what each of an expert is given to learn from, and what it is worth to the expert.

Newborns may fire and still learn nothing, for what reaches them backward goes through a fan-out that begins at zero
(they are starved, not silent). So for every hidden neuron the norm of the loss's gradient with respect to its fan-in
and to its fan-out is taken, over devices that may move, and by how much the loss rises while it is silent.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.readout import Batch, judged, loss_of

Row = dict[str, object]


def measure(grower: Grower, expert: Expert, training: Batch, validation: Batch) -> dict[int, Row]:
    """Columns of the table ``fates`` for every hidden neuron of an expert, by its slot.

    Args:
        grower: whose network it lives on; nothing is changed.
        expert: whose neurons are asked.
        training: samples for the gradients.
        validation: samples for the losses.
    """
    gradient, links = _gradient(grower, expert, training), grower.network.links
    usual = loss_of(grower, expert, validation)
    worth = worths(grower, expert, validation, usual)
    rows: dict[int, Row] = {}
    for slot in expert.neurons:
        tile, column = divmod(slot, grower.network.fabric.slots)
        out = [gradient[target, links.rows[slot, target]] for target in links.of(slot)]
        rows[slot] = {
            "gradient_in": float(gradient[tile, :, column].norm()),
            "gradient_out": float(torch.cat(out).norm()) if out else 0.0,
            "worth": worth[slot],
            "loss": usual,
        }
    return rows


def worths(grower: Grower, expert: Expert, validation: Batch, usual: float) -> dict[int, float]:
    """By how much the loss rises from the usual one while a neuron is silent, for every hidden neuron by its slot."""
    return {slot: loss_of(grower, expert, validation, (slot,)) - usual for slot in expert.neurons}


def worth_least(grower: Grower, expert: Expert, validation: Batch) -> tuple[int, float]:
    """The hidden neuron without which the loss is least, of equals the first, and the score without it."""
    silenced = {slot: judged(grower, expert, validation, (slot,)) for slot in expert.neurons}
    slot = min(silenced, key=lambda slot: silenced[slot][1])
    return slot, silenced[slot][0]


def _gradient(grower: Grower, expert: Expert, batch: Batch) -> Tensor:
    """Gradient of the mean loss [K, R, n]; 0 for devices that do not learn."""
    (x, wanted), network, judge = batch, grower.network, grower.judge
    outputs = torch.tensor(expert.outputs, device=network.device)
    recorded = network.record(x, outputs, grower.agent.running(expert))
    slope = judge.grade(expert, judge.answers(recorded.activity).detach(), wanted).slope
    gradient = recorded.backward(*judge.slopes_of_activity(slope, recorded.activity))
    return (gradient * (network.state.mask & ~network.state.frozen)).double().cpu()
