"""The net without a chip against the dense engine's neuron, and a neuron by hand."""

from __future__ import annotations

import numpy as np
import pytest

from smalti.model.mapping.net import Net


def one(hard: bool, fires: bool = True) -> Net:
    weight = np.ones((1, 1), np.float64)
    half = np.array([0.5])
    return Net(weight, 0 * weight, half, np.array([1.5]), np.array([fires]), hard)


@pytest.mark.parametrize(("hard", "membranes"), [(False, [1.0, 1.5, 0.25, 1.125]), (True, [1.0, 1.5, 1.0, 1.5])])
def test_a_neuron_by_hand(hard: bool, membranes: list[float]) -> None:
    spikes, potential = one(hard).run(np.ones((1, 4, 1)))
    assert potential.ravel().tolist() == membranes
    assert spikes.ravel().tolist() == [value >= 1.5 for value in membranes]


def test_what_does_not_fire_only_integrates() -> None:
    spikes, potential = one(hard=True, fires=False).run(np.ones((1, 3, 1)))
    assert potential.ravel().tolist() == [1.0, 1.5, 1.75]
    assert not spikes.any()


def test_spikes_of_others_arrive_one_step_later() -> None:
    back = np.array([[0.0, 0.0], [2.0, 0.0]])
    two = Net(np.array([[2.0], [0.0]]), back, np.zeros(2), np.ones(2), np.ones(2, np.bool_), True)
    spikes, _ = two.run(np.array([[[1.0], [0.0], [0.0]]]))
    assert spikes[0].tolist() == [[True, False], [False, True], [False, False]]
    assert two.synapses == 2
    assert two.without(np.zeros((2, 1), np.bool_), back != 0).synapses == 1
