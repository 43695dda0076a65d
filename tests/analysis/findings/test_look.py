from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smalti.analysis.findings import look as checks
from smalti.analysis.findings.finding import Finding
from smalti.analysis.findings.look import findings
from smalti.analysis.measures.detection import Detection
from smalti.analysis.runs import load_run
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import start


def told(finding: Finding | None) -> str:
    assert finding is not None
    return f"{finding.weight} | {finding.title} | {finding.detail}"


def rounds(*losses: list[float]) -> pd.DataFrame:
    """One list of losses an experience."""
    rows = [(experience, loss) for experience, own in enumerate(losses) for loss in own]
    return pd.DataFrame(
        {"round": range(len(rows)), **dict(zip(("experience", "loss"), zip(*rows, strict=True), strict=True))}
    )


def evaluations(*rows: tuple[int, int, float], samples: int = 400) -> pd.DataFrame:
    """(after, on, accuracy) of setting class on test data, and rows of other settings and splits that are perfect."""
    table = pd.DataFrame(rows, columns=["after", "on", "accuracy"]).assign(samples=samples)
    other = table.assign(accuracy=1.0)
    return pd.concat(
        [
            table.assign(setting="class", split="test"),
            other.assign(setting="class", split="validation"),
            other.assign(setting="task", split="test"),
        ],
        ignore_index=True,
    )


def neurons(*rows: tuple[int, str, str, int], retired: int | None = None) -> pd.DataFrame:
    """(neuron, kind, rule, task); the last one retires in a round, if one is given."""
    gone = pd.array([None] * (len(rows) - 1) + [retired], dtype="Int32")
    return pd.DataFrame(rows, columns=["neuron", "kind", "rule", "task"]).assign(retired_round=gone)


def bids(*rows: tuple[bool, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["won", "reason"]).astype({"won": bool})


def ports(*rows: tuple[int, str, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["round", "kind", "used", "capacity"])


def test_a_run_is_finished_when_its_last_experience_has_all_rounds() -> None:
    assert checks.unfinished(rounds([1, 1, 1], [1, 1, 1]), 3, {}) is None
    finding = checks.unfinished(rounds([1, 1, 1], [1]), 3, {})
    assert "stopped within experience 1 | 2 of its 3 rounds are missing" in told(finding)


def test_a_run_that_stopped_between_two_experiences_is_unfinished_too() -> None:
    whole = rounds([1, 1, 1], [1, 1, 1])
    assert checks.unfinished(whole, 3, {"experiences": 2}) is None
    finding = checks.unfinished(whole, 3, {"experiences": 5})
    assert "stopped after 2 of 5 experiences | 3 are missing" in told(finding)


def test_a_run_that_had_to_end_says_why() -> None:
    environment = {"experiences": 5, "ended": {"round": 6, "reason": "task 2 cannot be served"}}
    finding = checks.unfinished(rounds([1, 1, 1], [1, 1, 1]), 3, environment)
    assert "ended after 2 of 5 experiences, for the chip has no room for more | task 2 cannot" in told(finding)


def test_quick_runs_are_told_of() -> None:
    assert checks.shrunk({"run": {"quick": False}, "faults": {"at_round": 3}}) is None
    assert told(checks.shrunk({"run": {"quick": True}})).startswith("warning | A run shrunk to seconds")
    changed = {"run": {"quick": True}, "faults": {"at_round": 9}, "devices": {"copies": 2}}
    assert told(checks.shrunk(changed)).endswith(
        "run it without. Faults came before round 9, in the experience in which they would have come. 2 copies of the "
        "chip were asked, 2 at most."
    )


def test_a_task_is_forgotten_when_its_accuracy_fell_by_five_points_and_two_standard_errors() -> None:
    table = evaluations((-1, 0, 0.5), (0, 0, 0.98), (1, 0, 0.97), (1, 1, 0.95), (2, 0, 0.80), (2, 1, 0.94), (2, 2, 1.0))
    line = told(checks.forgotten(table, "class"))
    assert line.startswith("warning | 1 task forgotten, class-incremental (no label)")
    assert "task 0 from 98.0% to 80.0%." in line
    assert "task 1" not in line
    assert checks.forgotten(table, "task") is None
    assert checks.forgotten(table, "class", "validation") is None
    came_late = evaluations((0, 0, 0.98), (1, 0, 0.80), (1, 1, 0.9), (2, 0, 0.79), (2, 1, 0.9))
    assert checks.forgotten(came_late, "class", came=(2, 0, 1)) is None  # task 0 was learned second, at .8
    assert checks.forgotten(came_late, "class") is not None


@pytest.mark.parametrize(("samples", "found"), [(20, False), (21, True), (400, True)])
def test_falls_within_two_standard_errors_are_chance(samples: int, found: bool) -> None:
    # 0.25 = 2 sqrt((0.9 0.1 + 0.65 0.35) / n) for n = 20.3
    fell = evaluations((0, 0, 0.9), (1, 0, 0.65), (1, 1, 1.0), samples=samples)
    assert (checks.forgotten(fell, "class") is not None) == found


def test_small_falls_are_not_forgetting_however_sure() -> None:
    assert checks.forgotten(evaluations((0, 0, 0.99), (1, 0, 0.95), (1, 1, 1.0), samples=10**6), "class") is None


@pytest.mark.parametrize(
    ("losses", "found"),
    [
        ([0.7, 0.5, 0.36, 0.35, 0.351, 0.35, 0.35, 0.349], False),  # half of the loss is gone
        ([0.6, 0.5, 0.36, 0.35, 0.351, 0.35, 0.35, 0.349], True),
        ([0.6, 0.5, 0.5, 0.5, 0.45, 0.44, 0.40, 0.39], False),  # falls still
        ([0.6, 0.6, 0.6], False),  # too few rounds to tell
        ([0.005, 0.005, 0.005, 0.005], False),  # low enough
        ([0.7, 0.69, 0.69, 0.69], True),
        ([0.7, 0.6, math.nan, math.nan], False),
    ],
)
def test_a_loss_stalls_when_it_is_high_and_falls_no_more(losses: list[float], found: bool) -> None:
    finding = checks.stalled(rounds([0.6, 0.1, 0.0, 0.0], losses), enough=0.01)
    assert (finding is not None) == found
    if found:
        assert f"experience 1 at {losses[-1]:.3f}" in told(finding) or "experience 1 at 0.350" in told(finding)


def test_an_experience_that_is_solved_from_the_start_has_not_stalled() -> None:
    flat = rounds([0.16] * 4).assign(accuracy=[0.91, 0.9, 0.92, 0.94], unit="squared error")
    assert checks.stalled(flat, enough=0.01, solved=0.9) is None
    line = told(checks.stalled(flat, enough=0.01, solved=0.95))
    assert "In squared error per sample: experience 0 at 0.160." in line
    assert "ln 2" not in line
    assert "ln 2 / 2" in told(checks.stalled(flat.assign(unit="nats"), enough=0.01))


def test_scores_that_are_no_shares_are_forgotten_by_their_fall_alone() -> None:
    table = evaluations((0, 0, 0.4), (1, 0, -0.5), (1, 1, 1.3), samples=4).assign(score="r2")
    assert "R2 fell since they were learned: task 0 from 40.0% to -50.0%." in told(checks.forgotten(table, "class"))
    assert checks.forgotten(evaluations((0, 0, 0.4), (1, 0, 0.36), (1, 1, 1.0)).assign(score="smape"), "class") is None


def test_outputs_with_taps_are_not_grown() -> None:
    there = neurons((0, "hidden", "seed", 0), (1, "output", "tap", 1))
    asked = bids((False, "the price is above its value"), (False, "dear")).assign(rule=["tap", "tiny"])
    assert "Bids were lost: another reason (1)." in told(checks.nothing_grown(there, asked, "needed"))


def test_a_run_with_targets_is_asked_all_of_it(timed_run: Path) -> None:
    run = load_run(timed_run, keep=True)
    alive = run.table("neurons")["neuron"]
    found = findings(run, spikes=pd.Series(1.0, index=alive), fan_out=pd.Series(1.0, index=alive))
    assert not any("nats" in told(finding) or "ln 2" in told(finding) for finding in found)


def test_full_sides_count_after_the_last_round_and_dead_ones_never() -> None:
    table = ports((0, "r0", 4, 4), (0, "r1", 8, 8), (1, "r0", 4, 4), (1, "r1", 7, 8), (1, "tile", 0, 0))
    line = told(checks.saturated(table, bids((True, "won"), (False, "the price is above its value"))))
    assert line.startswith("note | 1 of 2 sides of tiles have no free wire | Full after the last round: 1 side of R0. ")


def test_bids_refused_for_a_full_side_make_it_a_warning() -> None:
    lost = bids(
        (False, "R0 (2, 4) side W in is full"), (False, "R0 (2, 4) side W in is full"), (False, "dear"), (True, "")
    )
    line = told(checks.saturated(ports((0, "r0", 3, 4)), lost))
    assert line.startswith("warning | 0 of 1 sides")
    assert "2 of 3 lost bids were refused for that: R0 (2, 4) side W in (2 bids)." in line


def test_free_sides_are_no_finding() -> None:
    assert checks.saturated(ports((0, "r0", 3, 4)), bids((True, "won"))) is None


HIDDEN = neurons((0, "output", "seed", 0), (1, "hidden", "seed", 0), (2, "hidden", "tiny", 1), (3, "hidden", "tiny", 1))


def test_living_hidden_neurons_without_a_spike_are_counted_by_task() -> None:
    line = told(checks.silent(HIDDEN, pd.Series({0: 0.0, 1: 0.0, 2: 0.0, 3: 0.5})))
    assert line.startswith("warning | 2 of 3 hidden neurons never fire on validation samples of any task | ")
    assert (
        "1 of them were grown, 1 came with a seed expert; by the task they were born for: task 0: 1, task 1: 1." in line
    )
    assert checks.silent(HIDDEN, pd.Series({0: 0.0, 1: 1e-3, 2: 2.0, 3: 0.5})) is None


def test_retired_neurons_are_left_out() -> None:
    gone = neurons((1, "hidden", "seed", 0), (2, "hidden", "tiny", 1), retired=4)
    assert checks.silent(gone, pd.Series({1: 1.0, 2: 0.0})) is None


def test_advice_for_silent_neurons_looks_at_what_they_are_and_what_is_on() -> None:
    mute = pd.Series(0.0, index=[1, 2, 3])
    seeds = neurons((1, "hidden", "seed", 0))
    for growth, said, unsaid in (
        ({"retire_after": 3, "give_back": 0.0}, "Seeds are never retired for silence: a smaller", "retire_after"),
        ({"retire_after": 0, "give_back": 0.9}, "growth.give_back = 0.9 takes one in a round", "retire_after"),
        ({"levels": {"relay": 8}}, "smaller parts have fewer (growth.levels.north, south).", "give_back"),
    ):
        line = told(checks.silent(seeds, mute, growth))
        assert said in line
        assert unsaid not in line
    grown = neurons((2, "hidden", "tiny", 1))
    assert "growth.retire_after = 3 retires those" in told(checks.silent(grown, mute, {"retire_after": 3}))
    off = told(checks.silent(grown, mute, {"retire_after": 0}))
    assert "growth.retire_after above 0 retires those that were grown." in off
    assert "Seeds" not in off
    both = told(checks.silent(HIDDEN, mute, {"retire_after": 3}))
    assert "growth.retire_after = 3" in both
    assert "Seeds are never" in both
    assert "growth.until" not in told(checks.unheard(seeds, mute))


@pytest.mark.parametrize(
    ("gating", "method", "setting", "said"),
    [
        ({"protect": False}, "none", "class", "What protects old tasks: gating.protect = true."),
        ({"protect": True, "stiffness": 2.0}, "none", "class", "gating.stiffness = 2 lets old experts move"),
        ({"protect": True, "stiffness": math.inf}, "none", "class", "are frozen (gating.protect): look at who is ch"),
        ({"protect": True, "stiffness": math.inf}, "none", "task", "are frozen (gating.protect): look for what faults"),
        ({"protect": True, "experts": "shared"}, "none", "class", "leaves free: training.continual.method protects."),
        ({"protect": True, "experts": "shared"}, "ewc", "class", "method = ewc did not hold them"),
        ({"protect": True, "experts": "task"}, "none", "domain", "One expert serves all tasks"),
    ],
)
def test_advice_on_forgetting_is_none_that_is_followed_already(
    gating: dict[str, Any], method: str, setting: str, said: str
) -> None:
    fell = evaluations((0, 0, 0.98), (1, 0, 0.7), (1, 1, 1.0))
    fell = fell[fell["setting"] == "class"].assign(setting=setting)
    config = {"gating": gating, "training": {"continual": {"method": method}}}
    assert said in told(checks.forgotten(fell, setting, config=config))


def test_neurons_without_an_outgoing_weight_are_found() -> None:
    line = told(checks.unheard(HIDDEN, pd.Series({0: 0.0, 1: 0.2, 2: 0.0, 3: 0.1})))
    assert line.startswith("warning | 1 of 3 hidden neurons never got an outgoing weight")


def test_where_nothing_grew_the_reasons_are_told() -> None:
    seeds = neurons((0, "output", "seed", 0), (1, "hidden", "seed", 0))
    lost = bids((False, "the price is above its value"), (True, "won"))
    assert "Bids were lost: the price is above its value (1)." in told(checks.nothing_grown(seeds, lost, "needed"))
    assert "Nobody bid" in told(checks.nothing_grown(seeds, lost[:0], "needed"))
    assert checks.nothing_grown(seeds, lost, "never") is None
    assert checks.nothing_grown(HIDDEN, lost, "needed") is None


def test_a_gate_that_answers_as_well_is_told_of() -> None:
    line = told(checks.outdone(0.571, 0.614))
    assert line.startswith("warning | The gating network alone is better than the whole, by 4.3 points | ")
    assert "57.1% of the test samples rightly, the gating network by itself 61.4%: the experts cost accuracy" in line
    assert told(checks.outdone(0.98, 0.98)).startswith("note | The gating network alone answers as well")
    assert checks.outdone(0.98, 0.97) is None
    assert checks.outdone(0.98, math.nan) is None


def test_neurons_that_always_fire_are_told_of() -> None:
    table = neurons((0, "hidden", "seed", 0), (1, "hidden", "random", 1), (2, "output", "seed", 0))
    assert checks.restless(table, pd.Series({0: 0.98, 1: 0.2})) is None
    line = told(checks.restless(table, pd.Series({0: 0.2, 1: 1.0})))
    assert line.startswith("warning | 1 of 2 hidden neurons fire at every time step | 1 of them were grown")
    gone = neurons((0, "hidden", "seed", 0), (1, "hidden", "random", 1), retired=3)
    assert checks.restless(gone, pd.Series({0: 0.2, 1: 1.0})) is None


def test_inputs_that_carry_nothing_are_told_of() -> None:
    links = pd.DataFrame(
        [("input", 0, None), ("input", 1, None), ("input", 1, None), ("input", 2, 5), ("local", 3, None)],
        columns=["kind", "source", "retired_round"],
    )
    spikes = pd.Series({0: 2.0, 1: 0.0, 2: 0.0, 3: 0.0})
    line = told(checks.mute_inputs(links, spikes))
    assert line.startswith("note | 1 of 2 input channels that are listened to never fire | ")
    assert "any task: 1. 2 links with" in line
    assert checks.mute_inputs(links, spikes + 1) is None


def test_boundaries_that_nobody_noticed_are_told_of() -> None:
    def judged(detected: float, false: float) -> Detection:
        return Detection(4, 1, detected, 1.0, 2.0, 1.0, 0.0, false)

    assert "warning | 1 of 4 boundaries of new tasks went unnoticed | 0.50 false" in told(
        checks.missed(judged(0.75, 0.5))
    )
    assert told(checks.missed(judged(1.0, 0.5))).startswith("note | There were false alarms")
    assert checks.missed(judged(1.0, 0.0)) is None


def test_long_lists_are_cut_short() -> None:
    mute = pd.DataFrame({"neuron": range(9), "kind": "hidden", "rule": "tiny", "task": range(9)})
    mute["retired_round"] = pd.array([None] * 9, dtype="Int32")
    assert "task 5: 1 and 3 more." in told(checks.silent(mute, pd.Series(0.0, index=range(9))))


def test_a_real_run_is_asked_all_of_it(finished_run: Path) -> None:
    run = load_run(finished_run, keep=True)
    alive = run.table("neurons")["neuron"]
    found = findings(run, spikes=pd.Series(0.0, index=alive), fan_out=pd.Series(0.0, index=alive))
    assert {"silent", "unheard"} <= {finding.kind for finding in found}
    weights = [finding.weight for finding in found]
    assert weights == sorted(weights, key=["warning", "note"].index)
    assert not {"silent", "unheard", "quick", "unfinished"} & {finding.kind for finding in findings(run)}


def test_a_run_with_hidden_boundaries_is_judged(tiny: Callable[..., Config], tmp_path: Path) -> None:
    hidden: dict[str, Any] = {"boundaries": "hidden"}
    detector = tiny().gating.detect
    config = tiny(stream=hidden, gating={"detect": type(detector)(by="schedule", every=10**6)})
    start(config, tmp_path / "run", lambda simulation: None)
    kinds = {finding.kind for finding in findings(load_run(tmp_path / "run", keep=True))}
    assert "missed" in kinds
