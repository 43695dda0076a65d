from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import growing_brains
from benchmarks.brains.grid_net import GridNet, distances
from benchmarks.brains.trials import Trials
from benchmarks.growing_brains import Options, learn, measured, modular, spread, tabled, task_variance

TINY = Options(
    units=16, steps=160, batch=32, measures=2, seeds=1, swap_every=5, ramp=(0.5, 1.0), rate=1e-2, strength=1e-3
)


@pytest.fixture(scope="module")
def asked() -> Trials:
    """Two tasks of ten steps, the response in the last three: hold on, or let go in the direction that is shown."""
    chance = torch.Generator().manual_seed(0)
    angle = 6.2832 * torch.rand(80, generator=chance)
    task = torch.arange(80) // 40
    x = torch.zeros(80, 10, 5)
    x[:, :, 0], x[:, :, 1] = angle.cos()[:, None], angle.sin()[:, None]
    x[:, 7:, 2] = 1.0
    x[torch.arange(80), :, 3 + task] = 1.0
    weights, targets = torch.zeros(80, 10), torch.zeros(80, 10, 3)
    weights[:, 1:6], weights[:, 7:] = 1.0, 5.0
    targets[:, :, 0] = 1.0
    targets[40:, 7:] = torch.stack([torch.zeros(40), angle[40:].cos(), angle[40:].sin()], 1)[:, None]
    return Trials(x, targets, weights, task, ("hold", "let go"))


@pytest.fixture
def every_sixth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten steps of the net stand for the 60 of the stream: rates are compared in the one before the response."""
    monkeypatch.setattr(growing_brains, "RESPONSE", 15)  # and in two of it


def test_the_stream_gives_what_a_net_takes() -> None:
    train, validation = growing_brains.trials(every=2)
    assert train.x.shape == (20 * 1024, 30, 53)
    assert validation.targets.shape == (20 * 256, 30, 3)
    assert validation.task.bincount().tolist() == [256] * 20
    told = validation.x[:, :, 33:].amax(1)
    assert torch.equal(told.argmax(1), validation.task)
    assert ((told > 0).sum(1) == 1).all()
    begins = (validation.weights == 5).int().argmax(1)
    assert (begins >= growing_brains.BEFORE // 2).all()
    assert (begins + 3 <= 30).all()


def test_task_variance_by_hand(asked: Trials, every_sixth: None) -> None:
    net = GridNet(5, 4, 3, leak=1.0, local=1.0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        net.hear.weight[0, 0] = 1.0  # hears the cosine in both tasks
        net.hear.weight[1, 2] = 1.0  # the go, alike in all trials
    variance, accuracy = task_variance(net, asked)
    heard = torch.relu(asked.x[:, 0, 0]).double().reshape(2, 40)
    np.testing.assert_allclose(variance.loc[0], heard.var(1, correction=0), rtol=1e-5)
    assert (variance.loc[1:] == 0).all(axis=None)
    assert accuracy == [0.0, 0.0]  # a fixation output of 0 holds in no trial


def test_clusters_that_sit_together_are_told_from_scattered_ones() -> None:
    """Three tasks each of a quarter of 36 units that are wired among themselves: in quadrants, or anywhere."""
    chance, cluster = np.random.default_rng(0), np.repeat(np.arange(4), 9)
    variance = pd.DataFrame(np.clip(np.repeat(np.eye(4), 3, axis=1)[cluster] + 0.05 * chance.random((36, 12)), 0, 1))
    weight = 0.1 * chance.random((36, 36)) + (cluster[:, None] == cluster)
    np.fill_diagonal(weight, 0.0)
    row, column = np.divmod(np.arange(36), 6)
    quadrants = np.argsort(2 * (row // 3) + column // 3, kind="stable")  # places, nine after nine
    scattered = chance.permutation(36)
    together, apart = (
        modular(variance, weight, distances(6)[np.ix_(place, place)]) for place in (quadrants, scattered)
    )
    assert together["clusters"] == apart["clusters"] == 4
    assert together["functional"] == apart["functional"] > 0.4
    assert together["wiring"] == apart["wiring"] > 0.4
    assert together["anatomical"] > 0.4
    assert together["quantile"] == 0
    assert abs(apart["anatomical"]) < 0.1
    assert apart["quantile"] > 0.01
    loose = modular(variance, np.ones((36, 36)) - np.eye(36), distances(6))
    assert abs(loose["wiring"]) < 0.02


def test_what_has_no_clusters_has_no_modularity() -> None:
    few = modular(pd.DataFrame(np.eye(3)), np.ones((4, 4)), distances(2))
    assert all(np.isnan(value) for value in few.values())
    unwired = modular(pd.DataFrame(np.eye(4)[[0, 0, 1, 1]]), np.zeros((4, 4)), distances(2))
    assert all(np.isnan(value) for value in unwired.values())


def test_only_units_that_lead_on_take_part(asked: Trials, every_sixth: None) -> None:
    """Units 0 and 1 hear and reach the output, 1 by way of 0; 2 hears and reaches nobody; 3 hears nothing."""
    net = GridNet(5, 4, 3, leak=1.0, local=1.0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        net.hear.weight[:3, 0] = 1.0
        net.recurrent[0, 1] = -0.5
        net.recurrent[2, 2] = 0.25
        net.say.weight[0, 0] = 1.0
    found = measured(net, asked)
    assert found["taking_part"] == 2
    assert found["weights"] == 1
    assert found["loops"] == pytest.approx(1 / 3)
    assert found["length"] == 1
    assert np.isnan(found["functional"])


@pytest.mark.parametrize("name", growing_brains.NAMES)
def test_every_net_learns_and_is_measured_along_training(
    name: growing_brains.Name, asked: Trials, every_sixth: None
) -> None:
    told = list[None]()
    found = learn(name, asked, asked, TINY, 0, lambda: told.append(None))
    assert len(told) == 160
    assert [row["step"] for row in found] == [80, 160]
    assert all(set(growing_brains.SHOWN) < set(row) for row in found)
    assert found[-1]["accuracy"] > 0.55  # holding on is right in half of the trials
    assert (found[-1]["weights"] == 16 * 15) == (name == "none")
    pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(learn(name, asked, asked, TINY, 0, print)))


def test_swaps_alone_change_only_places(asked: Trials, every_sixth: None) -> None:
    without, swapped = (learn(name, asked, asked, TINY, 0, lambda: None)[-1] for name in ("none", "swap"))  # type: ignore[arg-type]
    assert without["accuracy"] == swapped["accuracy"]
    assert without["taking_part"] == swapped["taking_part"]
    assert without["length"] > swapped["length"]


def test_tables_by_hand(asked: Trials) -> None:
    row = dict.fromkeys(growing_brains.SHOWN, 0.25)
    found = pd.DataFrame([{"net": "l1", "seed": seed, "step": step, **row} for seed in (0, 1) for step in (80, 160)])
    assert tabled(found, TINY).row_count == 1
    assert tabled(found, growing_brains.replace(TINY, along=True)).row_count == 2
    assert spread(pd.Series([1.0, 3.0, np.nan]), "{:.1f}".format) == "2.0 (1.0-3.0)"
    assert spread(pd.Series([np.nan]), "{:.1f}".format) == ""


def test_the_script_writes_what_it_prints(
    asked: Trials,
    every_sixth: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(growing_brains, "trials", lambda every: (asked, asked))
    command = f"x --variants l1 length-swap --units 16 --seeds 1 --steps 20 --measures 2 --along --out {tmp_path}"
    monkeypatch.setattr("sys.argv", command.split())
    growing_brains.main()
    table = pd.read_parquet(tmp_path / "nets.parquet")
    assert table[["net", "seed", "step"]].to_numpy().tolist() == [
        *(["l1", 0, 10], ["l1", 0, 20]),
        *(["length-swap", 0, 10], ["length-swap", 0, 20]),
    ]
    assert "length-swap" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [({"units": 20}, "square number"), ({"ramp": ()}, "must not be empty"), ({"steps": 0}, "steps")],
)
def test_what_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Options(**options)  # type: ignore[arg-type]
