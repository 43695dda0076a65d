from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smalti.analysis.chip import wiring
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run

LIVES = pd.array([None, None, None, None, None, 3], dtype="Int32")
LINKS = pd.DataFrame(
    {
        "source": [0, 0, 0, 1, 0, 1],
        "kind": ["local", "routed", "routed", "local", "input", "routed"],
        "target_tile": [0, 1, 2, 1, 0, 0],
        "hops": [0, 1, 3, 0, 1, 9],
        "path": [[], [10], [10, 11, 12], [], [1], [5] * 9],
        "retired_round": LIVES,
    }
)


@pytest.fixture
def chip(tables: Any) -> Any:
    return tables({"fabric": {"neurons_per_tile": 4}}, {"links": LINKS})


def test_links_in_use_are_counted_by_their_hops(chip: Any) -> None:
    table = wiring.hop_histogram(chip)
    assert table["links"].to_dict() == {0: 2, 1: 1, 3: 1}
    assert table["share"].tolist() == [0.5, 0.25, 0.25]
    assert table.columns.tolist() == ["links", "share"]


def test_spikes_travel_over_every_link_of_their_source(chip: Any) -> None:
    table = wiring.hop_histogram(chip, pd.Series({0: 2.0, 1: 5.0}))
    assert table["spikes"].to_dict() == {0: 7.0, 1: 2.0, 3: 2.0}
    assert table["spike_hops"].to_dict() == {0: 0.0, 1: 2.0, 3: 6.0}
    with pytest.raises(ValueError, match=r"lack the neurons \[1\]"):
        wiring.hop_histogram(chip, pd.Series({0: 2.0}))


def test_shared_trunks_count_once(chip: Any) -> None:
    length = wiring.wire_length(chip)
    assert length["total"] == 1 + 3  # cell 10 lies on both links of neuron 0; cell 1 is that of input channel 0
    assert length["apart"] == 1 + 1 + 3
    assert length["shared"] == pytest.approx(1 / 5)
    assert length["mean"] == 2


def test_a_spike_crosses_shared_trunks_once(chip: Any, finished_run: Path) -> None:
    assert wiring.crossed(chip).to_dict() == {0: 3}
    run = load_run(finished_run)
    simulation = restored(run)
    found, hops = wiring.crossed(run), simulation.network.links.hops_per_source()
    wanted = {number: hops[slot] for slot, number in simulation.registry.id_of_slot.items() if hops[slot]}
    assert found.to_dict() == wanted


def test_wire_length_is_that_of_the_network(finished_run: Path) -> None:
    run = load_run(finished_run)
    assert wiring.wire_length(run)["total"] == restored(run).network.links.hops_per_source().sum()


def ports(used: dict[str, tuple[int, int]], kind: str, cell: tuple[int, int], capacity: int = 4) -> list[Any]:
    """Rows of one cell: used[side] = (in, out)."""
    return [
        (0, *cell, kind, side, direction, used.get(side, (0, 0))[k], capacity)
        for side in "NESW"
        for k, direction in enumerate(("in", "out"))
    ]


PORTS = pd.DataFrame(
    [
        *ports({"N": (1, 0), "W": (4, 2)}, "tile", (1, 1)),
        *ports({}, "tile", (1, 3), capacity=0),  # dead
        *ports({"N": (2, 4), "E": (0, 1)}, "tile", (3, 1)),
        *ports({"N": (1, 0), "S": (0, 3), "E": (2, 1)}, "r1", (0, 1)),
        *ports({"N": (1, 0), "S": (0, 2), "E": (0, 1)}, "r0", (0, 0)),
    ],
    columns=["round", "grid_row", "grid_col", "kind", "side", "direction", "used", "capacity"],
)


def test_saturation_by_hand() -> None:
    table = wiring.saturation(PORTS).set_index(["kind", "side", "direction"])
    north = table.loc[("tile", "N", "out")]
    assert (north["used"], north["capacity"], north["load"]) == (4, 8, 0.5)
    assert (north["fullest"], north["full"]) == (1.0, 0.5)
    assert table.loc[("tile", "S", "in"), "fullest"] == 0
    assert len(table) == 3 * 8


def test_saturation_agrees_with_the_table_of_rounds(finished_run: Path) -> None:
    run = load_run(finished_run)
    used = wiring.saturation(run.table("ports")).groupby("round")["used"].sum()
    assert used.tolist() == run.table("rounds")["wires"].tolist()


def test_router_memory_by_hand(tables: Any) -> None:
    run = tables({"fabric": {"neurons_per_tile": 4}}, {"ports": PORTS})
    used = wiring.router_memory(run)
    assert used.loc["tile"].tolist() == [2, (5 * 4 + 16) + (2 * 4 + 16)]
    assert used.loc["r1"].tolist() == [1, (2 * 3 + 2 * 2) ** 2]
    assert used.loc["r0"].tolist() == [1, 16 * 2**2]
    built = wiring.router_memory(run, by="capacity")["elements"].to_dict()
    assert built == {"tile": 2 * (16 * 4 + 16), "r1": (2 * 4 + 2 * 4) ** 2, "r0": 16 * 4**2}
    with pytest.raises(ValueError, match="take used or capacity"):
        wiring.router_memory(run, by="round")
