from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest

from smalti.analysis.dashboard.live import Live, Tuning, live_source
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.simulation import Simulation


def test_it_plays_the_same_rounds_as_a_simulation(played: Any, busy: Config) -> None:
    alone = Simulation(busy.resolved())
    losses = []
    while not alone.finished:
        alone.step()
        losses.append(alone.rows.rounds[0]["loss"])
    assert played.views[-1].curves.columns["loss"] == tuple(losses)
    assert played.live.curves.startswith(b"<?xml")
    assert played.live.steps == len(played.views) == 6
    assert not played.live.running


def test_a_finished_one_stays_as_it_is(tiny: Callable[..., Config]) -> None:
    live = Live(live_source(tiny(training={"rounds": 1})))
    live.step()
    live.step()
    view = live.view
    assert not live.running
    live.step()
    assert live.view is view
    assert not live.failure


def test_tuning_reaches_the_auction_and_the_gating_agent(busy: Config) -> None:
    live = Live(live_source(busy))
    live.step()
    assert live.view.bids
    assert any(bid["won"] and bid["rule"] != "seed" for bid in live.view.bids)
    live.tuning = replace(live.tuning, slot_price=50.0, max_neurons=0, candidates=2)
    live.step()
    assert live.view.prices.slot_price == 50.0
    assert live.view.bids_round == 1
    assert not any(bid["won"] for bid in live.view.bids)  # nothing is worth that much
    assert live.view.tiles[0].price is None or live.view.tiles[0].price >= 50.0
    live.tuning = replace(live.tuning, slot_price=2e-4, enough_loss=100.0)
    live.step()
    assert live.view.bids_round == 1  # the loss is enough: no auction
    assert live.view.decision.endswith("is low enough")


def test_tuning_that_is_not_touched_changes_nothing(busy: Config) -> None:
    config = busy.resolved()
    assert Tuning.of(config).applied(config) == config


def test_a_value_that_is_not_allowed_ends_it_with_a_message(busy: Config) -> None:
    live = Live(live_source(busy))
    live.tuning = replace(live.tuning, births=0)
    live.step()
    assert "growth.births = 0" in live.failure
    assert (live.running, live.view.round) == (False, -1)


def test_a_new_start_takes_what_was_chosen(busy: Config) -> None:
    live = Live(live_source(busy), rows=2, cols=3, rule="random", when="never", seed=5)
    assert not live.failure
    assert live.view.grid == (2, 3)
    assert (live.config.growth.rule, live.config.growth.when, live.config.run.seed) == ("random", "never", 5)
    live.step()
    assert not any(bid["rule"] != "seed" for bid in live.view.bids)


def test_a_start_that_cannot_be_is_told(tiny: Callable[..., Config]) -> None:
    source = live_source(tiny(fabric={"dead_tiles": ((0, 1),)}))
    live = Live(source, rows=2, cols=1)
    assert "dead_tiles" in live.failure
    assert not live.running
    assert live.view.total == 0
    live.step()
    assert not live.running


def test_data_that_is_missing_is_told_before_anything_is_shown(tiny: Callable[..., Config]) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.npz"):
        live_source(tiny(stream={"path": "nowhere.npz"}))


def test_an_unforeseen_failure_is_told(
    busy: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    live = Live(live_source(busy))

    def fail(self: Simulation) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(Simulation, "_play_round", fail)
    live.step()
    assert live.failure == "RuntimeError: out of order"
    assert not live.running
    assert "out of order" in capsys.readouterr().err


def test_one_round_at_a_time_whoever_asks(busy: Config) -> None:
    live = Live(live_source(busy))
    threads = [Thread(target=live.step) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert live.view.curves.rounds == (0, 1, 2)


def test_nothing_is_played_once_it_is_closed(busy: Config) -> None:
    live = Live(live_source(busy))
    live.close()
    live.step()
    assert (live.running, live.view.round) == (False, -1)
