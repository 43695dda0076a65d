"""Runs on chips that are full before the last task has come: they go on, and say what served whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from smalti.model.chip.fabric import NoRoomError
from smalti.model.growth.buy_back import BuyBackOptions
from smalti.scheduler.answers import evaluation
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth import opening
from smalti.scheduler.growth.buy_back import BuyBack
from smalti.scheduler.growth.offers import Offers
from smalti.scheduler.growth.placing.room import Need
from smalti.scheduler.growth.readout import loss_of
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import VALIDATION, TaskBatches

Books = Callable[[Simulation], None]
CutShort = Callable[[Config, Path, int], None]
MakeConfig = Callable[..., Config]

pytestmark = pytest.mark.filterwarnings("ignore:this chip has room for 1 of 2 experts")


def played(config: Config, check: Books) -> Simulation:
    simulation = Simulation(config)
    while not simulation.finished:
        simulation.step()
        check(simulation)
    return simulation


def answers(simulation: Simulation, number: int) -> torch.Tensor:
    experience = simulation.stream.experiences[number]
    x, _ = simulation.batches_of(experience).evaluation(VALIDATION)
    return evaluation.with_task(simulation.gating, x, experience.classes).unaided


def test_a_readout_over_old_neurons_serves_a_task_without_room(
    tiny: MakeConfig, check: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = opening.Opening._planned

    def full(self: opening.Opening) -> Any:
        if self.task:
            raise NoRoomError("tile (1, 0) is full")
        return planned(self)

    monkeypatch.setattr(opening.Opening, "_planned", full)
    simulation = played(tiny(), check)
    table = simulation.table("openings")
    assert table["step"].tolist() == ["seed", "readout", "columns"]
    assert table["refused"].tolist() == ["tile (1, 0) is full", "", ""]
    assert table.loc[table["taken"], "score"].item() == table["score"].max()
    assert not simulation.gating.experts[1].neurons


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"fabric": {"cols": 1, "neurons_per_tile": 3}},
            r"room for 1 of 2 .*no south tile has 2 free slots.* later tasks will be served by what there is: "
            r".*fabric\.neurons_per_tile = 6, or with fabric\.cols = 2 \(tried\)",
        ),
        (
            {"fabric": {"neurons_per_tile": 3, "wires": 4}, "growth": {"seed_width": 3}},
            r"room for 1 of 2 .* is full.*fabric\.neurons_per_tile = 4, or with growth\.seed_width = 1, which",
        ),
    ],
)
@pytest.mark.filterwarnings("always:this chip has room")
def test_a_chip_with_room_for_some_says_so_with_the_cure(
    tiny: MakeConfig, changes: dict[str, dict[str, object]], message: str
) -> None:
    with pytest.warns(UserWarning, match=message):
        simulation = Simulation(tiny(**{"training": {"rounds": 1, "steps": 1}, **changes}))
    while not simulation.finished:
        simulation.step()
    table = simulation.table("openings")
    assert table["refused"].iloc[0]
    assert set(table["task"]) == {1}


def test_outputs_of_others_say_the_classes_where_no_slot_is_left(tiny: MakeConfig, check: Books) -> None:
    config = tiny(fabric={"cols": 1, "neurons_per_tile": 3})
    simulation = Simulation(config)
    for _ in range(3):
        simulation.step()
    before = answers(simulation, 0)
    while not simulation.finished:
        simulation.step()
        check(simulation)
    table = simulation.table("openings")
    assert table["step"].tolist() == ["seed", "columns"]
    assert table["refused"].tolist() == ["no south tile has 2 free slots for its outputs", ""]
    first, second = simulation.gating.experts
    assert set(second.outputs) <= set(first.outputs)
    assert second.lent == [1]
    assert torch.equal(answers(simulation, 0), before)  # who was asked before answers as before
    asked = simulation.table("evaluations").query("on == 1 and after == 1 and split == 'validation'")
    assert asked["accuracy"].notna().all()


@pytest.mark.parametrize("devices", [{}, {"kind": "mosaic", "scale": "tile", "round_seconds": 0.0}], ids=str)
def test_what_was_born_in_vain_is_taken_back(
    tiny: MakeConfig, check: Books, monkeypatch: pytest.MonkeyPatch, devices: dict[str, Any]
) -> None:
    simulation = Simulation(tiny(devices=devices))
    for _ in range(3):
        simulation.step()
    read = simulation.network.reading().detach().clone()
    state = {name: value.clone() for name, value in simulation.network.state.state_dict().items()}
    links = simulation.network.links.state_dict()
    whole = opening.open_expert

    def fails(*arguments: Any, **named: Any) -> None:
        whole(*arguments, **named)
        raise NoRoomError("something is full")

    monkeypatch.setattr(opening, "open_expert", fails)
    monkeypatch.setattr(Offers, "sites", lambda self, lots: [])
    simulation.step()
    check(simulation)
    rows = simulation.table("openings")
    assert rows["refused"].tolist() == ["something is full", ""]
    assert torch.equal(simulation.network.reading(), read)
    assert simulation.rows.rounds[0]["writes"] == 0
    assert links == simulation.network.links.state_dict()
    for name, value in simulation.network.state.state_dict().items():
        if name != "frozen":
            assert torch.equal(value, state[name]), name


class TestBuyBack:
    """Neurons of old experts make room for a seed."""

    @pytest.fixture
    def config(self, tiny: MakeConfig) -> Config:
        growth = {"when": "never", "seed_width": 2, "max_neurons": 2}
        return tiny(fabric={"cols": 1, "neurons_per_tile": 5}, growth=growth, training={"rounds": 2, "steps": 20})

    @pytest.fixture
    def auction(self, config: Config) -> BuyBack:
        """For a seed of two neurons a tile, once the first task has been learned."""
        simulation = Simulation(config)
        for _ in range(2):
            simulation.step()
        batches = TaskBatches(simulation.stream.experiences[0], simulation.stream.steps, 16, 0)
        remembered = [(simulation.gating.experts[0], batches.evaluation(VALIDATION))]
        return BuyBack(simulation.grower, remembered, 2, 2, Need())

    def test_a_price_is_the_rise_of_the_loss_without_the_neuron(self, auction: BuyBack) -> None:
        grower, (expert, (x, wanted)) = auction.grower, auction.remembered[0]
        network = grower.network
        outputs = torch.tensor(expert.outputs)

        def loss() -> float:
            with torch.no_grad():
                answers = network.read(network.run(x, outputs, grower.agent.running(expert)))
                return float(grower.judge.losses(expert, answers, wanted).mean())

        usual = loss()
        prices = auction._prices([usual])
        assert set(prices) == set(expert.neurons)
        assert max(prices.values()) > 0
        for slot, price in prices.items():
            row = network.links.rows
            weights = network.state.weight.detach().clone()
            for tile in network.links.of(slot):
                network.state.weight.data[tile, row[slot, tile]] = 0
            assert price == pytest.approx(max(0.0, loss() - usual), abs=1e-6)
            network.state.weight.data.copy_(weights)

    def test_nothing_is_bought_for_less_than_it_costs(self, auction: BuyBack) -> None:
        purchase = auction.run(float("inf"))
        assert purchase is not None
        usual = loss_of(auction.grower, *auction.remembered[0])
        cheaper = auction.run(usual + purchase.paid - 1e-6)
        assert cheaper is None or (cheaper.width < purchase.width and cheaper.paid < purchase.paid)
        assert auction.run(usual - 1.0) is None

    def test_no_neuron_is_bought_that_is_not_in_the_way(self, auction: BuyBack) -> None:
        purchase = auction.run(float("inf"))
        assert purchase is not None
        home = purchase.placed.home
        assert auction._place(purchase.slots, home, purchase.width) is not None
        for slot in purchase.slots:
            rest = [other for other in purchase.slots if other != slot]
            assert auction._place(rest, home, purchase.width) is None

    def test_the_books_stay_right_and_a_resumed_run_ends_the_same(
        self, config: Config, check: Books, check_resume: Callable[[Config, int], None]
    ) -> None:
        bought_back = replace(config.growth, buy_back=BuyBackOptions(by="loss", samples=8))
        config = replace(config, growth=bought_back)
        simulation = played(config, check)
        rows = simulation.table("openings")
        bought = rows[rows["bought"] > 0]
        assert len(bought) == 1
        assert bought["step"].item() == "seed"
        assert simulation.gating.experts[1].neurons
        neurons = simulation.table("neurons")
        assert neurons["retired_round"].notna().sum() == bought["bought"].item()
        assert simulation.table("rounds")["stored_values"].tolist()[-1] > 0
        check_resume(config, 3)

    def test_who_finds_no_place_in_what_was_bought_is_served_by_what_is_left(
        self, config: Config, check: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = replace(config, growth=replace(config.growth, buy_back=BuyBackOptions(by="loss", samples=8)))
        seed = opening.Opening._seed

        def fails(self: opening.Opening, sites: Any) -> Any:
            if self.bought:
                raise NoRoomError("something is full")
            return seed(self, sites)

        monkeypatch.setattr(opening.Opening, "_seed", fails)
        simulation = played(config, check)
        table = simulation.table("openings")
        assert table["taken"].sum() == 1
        assert table.loc[table["taken"], "step"].item() in ("readout", "columns")
        assert simulation.table("neurons")["retired_round"].notna().any()
