from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from smalti.scheduler.config import Config
from smalti.scheduler.config_io import dump
from smalti.scheduler.records.folder import create_run
from smalti.scheduler.runner import start

Smalti = Callable[..., tuple[int, str, str]]
MakeConfig = Callable[..., Config]


def test_the_chip_shows_every_living_neuron(cli: Smalti, finished_run: Path) -> None:
    code, out, err = cli("show", str(finished_run))
    assert (code, err) == (0, "")
    chip = out[out.index("the chip, north above") : out.index("tasks: ")]
    neurons = pd.read_parquet(finished_run / "tables" / "neurons")
    alive = neurons[neurons["retired_round"].isna()]
    hidden = int((alive["kind"] == "hidden").sum())
    assert (chip.count("●"), chip.count("■")) == (hidden, 4)
    assert chip.count("·") == 4 * 8 - hidden - 4
    assert "tasks: ● 0  ● 1" in out


def test_wires_of_a_tile_are_summed_over_its_sides(cli: Smalti, finished_run: Path) -> None:
    _, out, _ = cli("show", str(finished_run))
    ports = pd.read_parquet(finished_run / "tables" / "ports")
    now = ports[(ports["round"] == ports["round"].max()) & (ports["kind"] == "tile")]
    sums = now[now["direction"] == "in"].groupby(["grid_row", "grid_col"])["used"].sum()
    assert [int(n) for n in re.findall(r"in (\d+)/32 wires", out)] == sums.tolist()


def test_dead_tiles_are_marked(cli: Smalti, tiny: MakeConfig) -> None:
    fabric = {"rows": 3, "dead_tiles": ((1, 1),)}
    config = tiny(fabric=fabric, stream={"steps": 13}, training={"rounds": 1, "steps": 2})
    start(config, Path("run"), lambda simulation: None)
    _, out, _ = cli("show", "run")
    assert len(re.findall(r"│ dead +│", out)) == 1
    assert "fabric.dead_tiles" in out


def test_values_with_brackets_are_shown_as_they_are(cli: Smalti, tiny: MakeConfig) -> None:
    create_run("run", config=dump(tiny(stream={"path": "[red]a[/b].npz"})), seed=0, threads=1)
    assert "[red]a[/b].npz" in cli("show", "run")[1]


def test_a_run_without_rounds_can_be_shown(cli: Smalti, tiny: MakeConfig) -> None:
    create_run("run", config=dump(tiny()), seed=0, threads=1)
    code, out, _ = cli("show", "run")
    assert code == 0
    assert "no round is finished yet; go on with it: smalti resume run" in out


def test_a_table_is_printed_whole_and_unbroken(cli: Smalti, finished_run: Path) -> None:
    for name in ("rounds", "bids", "neurons", "links", "ports", "evaluations"):
        table = pd.read_parquet(finished_run / "tables" / name)
        code, out, _ = cli("show", str(finished_run), "--table", name)
        assert code == 0
        lines = out.splitlines()
        assert lines[0].split() == list(table.columns)
        assert len(lines) == len(table) + 1


def test_an_unknown_table_is_refused_with_those_there_are(cli: Smalti, finished_run: Path) -> None:
    code, out, err = cli("show", str(finished_run), "--table", "round")
    assert (code, out) == (2, "")
    assert "there is no table 'round'; take one of rounds, bids" in err
