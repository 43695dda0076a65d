"""Two gates, one behind the other: three experts on two north parts, one way that nobody has taken."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from smalti.model.gating import GatingOptions
from smalti.model.gating.densities.mixture import UNKNOWN
from smalti.model.gating.levels import LevelGateOptions
from smalti.model.gating.networks.levels import GATES, LevelsGating

F, R = 6, 4
PATHS = {0: (0, 0), 1: (0, 1), 2: (1, 0)}
CLASSES = {0: (0, 1), 1: (2, 3), 2: (4, 5)}


def spikes(rates: Tensor, samples: int, seed: int) -> Tensor:
    return torch.poisson(rates.expand(samples, -1), generator=torch.Generator().manual_seed(seed))


def inputs(north: int, samples: int = 60, seed: int = 0) -> Tensor:
    """The view of a north part."""
    return spikes(torch.tensor([[9.0, 1, 1, 9, 1, 1], [1.0, 9, 1, 1, 9, 1]])[north], samples, seed)


def relay(south: int, samples: int = 60, seed: int = 1) -> Tensor:
    """What asks for a south part; whichever north part drives it."""
    return spikes(torch.tensor([[9.0, 1, 1, 4], [1.0, 9, 1, 4]])[south], samples, seed)


def seen(gate: LevelsGating, x: Tensor, heard: dict[int, Tensor]) -> Tensor:
    rows = torch.arange(len(x))
    return gate.counted(x, {part: (rows, spikes) for part, spikes in heard.items()})


def taught(**options: object) -> LevelsGating:
    gate = LevelsGating(GatingOptions(network="levels", levels=LevelGateOptions(**options)), F)  # type: ignore[arg-type]
    for expert, classes in CLASSES.items():
        gate.assignment.assign(expert, classes)
        gate.renew({number: PATHS[number] for number in range(expert + 1)}, R)
        north, south = PATHS[expert]
        for place, label in enumerate(classes):
            x, heard = inputs(north, seed=10 + label), relay(south, seed=20 + label)
            heard[:, 3] += 3 * place
            counts = seen(gate, x, {north: heard})
            for part in (counts[:30], counts[30:]):  # what is new is measured by samples that have not been learned
                gate.observe(part, torch.full((30,), label), expert)
    return gate


def test_both_gates_choose() -> None:
    gate = taught()
    assert gate.classes == (0, 1, 2, 3, 4, 5)
    for expert, (north, south) in PATHS.items():
        x = inputs(north, seed=30)
        assert gate.ways(x).tolist() == [[north]] * 60
        scores = gate.scores(seen(gate, x, {north: relay(south, seed=31)}))
        assert (scores.argmax(1) == expert).double().mean() > 0.95
        torch.testing.assert_close(scores.exp().sum(1), torch.ones(60, dtype=scores.dtype))


def test_a_share_is_that_of_the_part_times_that_of_the_expert_behind_it() -> None:
    gate = taught(ways=2)
    x, heard = inputs(0, seed=30), {0: relay(1, seed=31), 1: relay(0, seed=32)}
    scores = gate.scores(seen(gate, x, heard))
    north = gate.north.scores(x.double())
    behind = gate.south.scores(heard[0].double())[:, :2].log_softmax(1)
    torch.testing.assert_close(scores[:, 0], north[:, 0] + behind[:, 0])
    torch.testing.assert_close(scores[:, 1], north[:, 0] + behind[:, 1])
    torch.testing.assert_close(scores[:, 2], north[:, 1])  # alone behind its part, whatever the relay does


def test_who_did_not_run_has_no_share() -> None:
    gate = taught()
    counts = seen(gate, inputs(0), {0: relay(0)})
    assert (gate.scores(counts)[:, 2] == -torch.inf).all()
    density = gate.class_scores(counts)
    assert (density[:, 4:] == UNKNOWN).all()
    assert (density[:, :4] > UNKNOWN / 2).all()
    told = seen(gate, inputs(0), {1: relay(0)})  # told against what inputs say
    assert (gate.scores(told).argmax(1) == 2).all()


def test_parts_that_run_are_those_of_experts_that_are_possible() -> None:
    gate = taught(ways=0)
    assert sorted(gate.ways(inputs(1))[0].tolist()) == [0, 1]
    assert gate.ways(inputs(1))[:, 0].tolist() == [1] * 60
    assert gate.ways(inputs(1), among=(0, 1)).tolist() == [[0]] * 60
    assert gate.ways(inputs(1), among=(2,)).tolist() == [[1]] * 60
    assert LevelsGating(GatingOptions(network="levels"), F).ways(inputs(0)).shape == (60, 0)


def test_a_way_that_no_expert_takes_is_found_by_its_parts() -> None:
    gate = taught()
    counts = seen(gate, inputs(1, seed=40), {1: relay(1, seed=41)})
    assert (gate.souths(counts) == 1).double().mean() > 0.95
    assert (gate.scores(counts).argmax(1) == 2).all()  # the only expert behind that part


def test_novelty_is_that_of_the_inputs() -> None:
    gate = taught()
    assert gate.novelty(inputs(0, seed=50)) < 1.0
    assert gate.novelty(spikes(torch.full((F,), 30.0), 60, 51)) > 3.0


def test_a_state_goes_on_bit_for_bit() -> None:
    gate, counts = taught(), torch.zeros(0)
    other = LevelsGating(gate.options, F)
    for expert, classes in CLASSES.items():
        other.assignment.assign(expert, classes)
    other.load_state_dict(gate.state_dict())
    counts = seen(gate, inputs(0), {0: relay(1)})
    assert torch.equal(other.scores(counts), gate.scores(counts))
    for one in (gate, other):
        one.observe(counts, torch.full((60,), 2), 1)
    assert torch.equal(other.class_scores(counts), gate.class_scores(counts))
    assert other.state_dict().keys() == gate.state_dict().keys()
    with pytest.raises(ValueError, match="state of a levels gating network lacks paths"):
        other.load_state_dict({key: own for key, own in gate.state_dict().items() if key != "paths"})


def test_work_and_memory_are_those_of_both_gates() -> None:
    gate, wide = taught(), taught(ways=2)
    assert gate.adds_per_sample == gate.north.adds_per_sample + gate.south.adds_per_sample
    assert wide.adds_per_sample == gate.north.adds_per_sample + 2 * gate.south.adds_per_sample
    both = seen(wide, inputs(0), {0: relay(0), 1: relay(0)})
    assert wide.work(both).additions == wide.adds_per_sample
    assert wide.work(seen(wide, inputs(0), {0: relay(0)})).additions == gate.adds_per_sample
    own = 3 * len(PATHS) + 2 * len(gate.classes)
    assert gate.stored_values == gate.north.stored_values + gate.south.stored_values + own
    assert gate.relayed(seen(gate, inputs(0), {0: torch.ones(60, R)})) == R


@pytest.mark.parametrize("name", sorted(GATES))
def test_any_gate_that_hears_counts_can_choose_on_a_level(name: str) -> None:
    gate = taught(north=name, south=name)
    counts = seen(gate, inputs(0), {0: relay(1)})
    assert gate.scores(counts).shape == (60, 3)
    assert not gate.class_scores(counts).isnan().any()


def test_what_cannot_be_is_refused() -> None:
    gate = taught(ways=2)
    with pytest.raises(ValueError, match="one north part ran"):
        gate.observe(seen(gate, inputs(0), {0: relay(0), 1: relay(0)}), torch.zeros(60, dtype=torch.int64), 0)
    with pytest.raises(ValueError, match=r"parts of experts \[1\] have changed"):
        gate.renew({1: (1, 1)}, R)
    with pytest.raises(ValueError, match="the relay's 4 neurons are 5"):
        gate.renew(PATHS, R + 1)
    with pytest.raises(ValueError, match=r"gating.levels.south = 'crossbar' cannot choose there; take gaussian"):
        taught(south="crossbar")
    with pytest.raises(ValueError, match=r"gating.levels.ways = -1"):
        taught(ways=-1)
