from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from smalti.model.continual import Method, Task
from smalti.model.continual.hlop import leading
from smalti.model.network import Network
from smalti.model.probe import Probe

Put = Callable[..., None]
Make = Callable[..., Method]
MakeTask = Callable[..., Task]
MakeProbe = Callable[..., Probe]


def move(
    method: Method, network: Network, put: Put, before: tuple[float, float], after: tuple[float, float]
) -> list[float]:
    """A step between these weights; the weights in which it ends."""
    put(network, *before)
    method.before_step(network.state.weight)
    put(network, *after)
    method.correct(network.state.weight)
    weights: list[float] = network.state.weight[network.state.mask].tolist()
    return weights


def test_a_step_keeps_the_currents_that_old_tasks_have_caused(
    make: Make, two: Network, task: MakeTask, probe: MakeProbe, put: Put
) -> None:
    """Both rows spiked together: of the move (4, 1) the part along (1, 1) is taken away, which is (2.5, 2.5)."""
    method = make("hlop")
    assert move(method, two, put, (1.0, -2.0), (5.0, -1.0)) == [5.0, -1.0]  # nothing old is there
    method.end_task(task(0, probe=lambda rows: probe([[1.0], [1.0]], [0.0])))
    assert move(method, two, put, (1.0, -2.0), (5.0, -1.0)) == pytest.approx([2.5, -3.5])
    old = torch.tensor([1.0, 1.0])
    assert float(old @ torch.tensor([2.5, -3.5])) == float(old @ torch.tensor([1.0, -2.0]))


def test_only_the_leading_part_is_kept_and_tasks_add_up(
    make: Make, two: Network, task: MakeTask, probe: MakeProbe, put: Put
) -> None:
    method = make("hlop")
    method.end_task(task(0, probe=lambda rows: probe([[3.0], [0.0]], [0.0])))
    assert move(method, two, put, (0.0, 0.0), (1.0, 1.0)) == [0.0, 1.0]
    method.end_task(task(1, probe=lambda rows: probe([[0.0], [0.9]], [0.0])))  # .81 of 9.81: below a tenth
    assert move(method, two, put, (0.0, 0.0), (1.0, 1.0)) == [0.0, 1.0]
    method.end_task(task(2, probe=lambda rows: probe([[0.0], [3.0]], [0.0])))
    assert move(method, two, put, (0.0, 0.0), (1.0, 1.0)) == [0.0, 0.0]  # no room is left to learn in
    assert method.stored_values == two.fabric.rows_per_tile**2 + two.fabric.rows_per_tile


def test_outputs_learn_freely(make: Make, two: Network, task: MakeTask, probe: MakeProbe, put: Put) -> None:
    two.state.output[0] = True
    method = make("hlop")
    method.end_task(task(0, probe=lambda rows: probe([[1.0], [1.0]], [0.0])))
    assert move(method, two, put, (1.0, -2.0), (5.0, -1.0)) == [5.0, -1.0]


def test_a_row_that_somebody_else_drives_is_not_held_for_whom_it_was(
    make: Make, two: Network, task: MakeTask, probe: MakeProbe, put: Put
) -> None:
    method = make("hlop")
    method.end_task(task(0, probe=lambda rows: probe([[1.0], [1.0]], [0.0])))
    heard = two.state.mask[0].any(1).nonzero().flatten()
    method.notes["source.0"][heard[0]] += 1
    assert move(method, two, put, (0.0, 0.0), (1.0, 1.0)) == [1.0, 0.0]


def test_what_was_kept_goes_on_elsewhere(make: Make, two: Network, task: MakeTask, probe: MakeProbe, put: Put) -> None:
    method, other = make("hlop"), make("hlop")
    method.end_task(task(0, probe=lambda rows: probe([[1.0], [1.0]], [0.0])))
    other.load_state_dict(method.state_dict())
    assert move(other, two, put, (1.0, -2.0), (5.0, -1.0)) == pytest.approx([2.5, -3.5])


def test_leading_directions_are_as_few_as_hold_the_share() -> None:
    moment = torch.diag(torch.tensor([1.0, 6.0, 3.0], dtype=torch.float64))
    assert [leading(moment, share).shape[1] for share in (0.6, 0.61, 0.9, 0.91, 1.0)] == [1, 2, 2, 3, 3]
    assert leading(moment, 0.5).flatten().abs().tolist() == [0.0, 1.0, 0.0]
    assert leading(torch.zeros(2, 2), 1.0).shape == (2, 0)
