from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from smalti.analysis.measures.detection import Detection, judge, summary
from smalti.analysis.runs import load_run
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import start


def table(*events: tuple[int, str]) -> pd.DataFrame:
    return pd.DataFrame(events, columns=["step", "event"])


def test_a_hand_made_run() -> None:
    """Tasks 0 1 0 2 of 100 minibatches: late alarm, missed, refired with a wrong expert, prompt; and two false ones."""
    events = table(
        (0, "new"), (50, "alarm"), (103, "alarm"), (104, "new"), (108, "alarm"), (200, "alarm"), (205, "new")
    )
    judged = judge(events, [0, 1, 0, 2], 100)
    assert judged == Detection(
        boundaries=2,
        returns=1,
        detected=0.5,
        founded=0.5,
        delay=3.0,
        fired_again=1.0,
        refounded=1.0,
        false=100 * 2 / 400,
    )


@pytest.mark.parametrize(("step", "detected"), [(99, 0.0), (100, 1.0), (109, 1.0), (110, 0.0)])
def test_the_window_of_a_sudden_change(step: int, detected: float) -> None:
    judged = judge(table((step, "alarm")), [0, 1], 100)
    assert judged.detected == detected
    assert judged.false == (1 - detected) * 100 / 200
    assert math.isnan(judged.delay) == (not detected)


@pytest.mark.parametrize(("step", "delay"), [(69, None), (70, 0.0), (99, 29.0), (109, 39.0), (110, None)])
def test_the_window_of_a_drift_opens_with_the_mixing(step: int, delay: float | None) -> None:
    judged = judge(table((step, "alarm"), (step, "new")), [0, 1], 100, drift=0.3)
    assert (None if math.isnan(judged.delay) else judged.delay) == delay
    assert judged.founded == (step >= 70)  # an expert may be founded late, but not before


def test_nothing_to_take_a_share_of() -> None:
    judged = judge(table(), [0], 100)
    assert (judged.boundaries, judged.returns, judged.false) == (0, 0, 0.0)
    assert all(math.isnan(v) for v in (judged.detected, judged.founded, judged.delay, judged.fired_again))


def test_a_run_is_judged_by_its_own_tables(tiny, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    config: Config = tiny(
        stream={"boundaries": "hidden", "order": (0, 1, 0)},
        gating={"detect": Config().gating.detect.__class__(by="told", rest=2, gather=16, hold=6)},
    )
    start(config, tmp_path / "run", lambda simulation: None)
    judged = summary(load_run(tmp_path / "run"))
    assert judged == Detection(
        boundaries=1, returns=1, detected=1.0, founded=1.0, delay=0.0, fired_again=1.0, refounded=0.0, false=0.0
    )
