from __future__ import annotations

import json
import shutil
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from smalti.agents.auction.bids import SEED
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth import birth_record
from smalti.scheduler.records.folder import open_run
from smalti.scheduler.records.rows import RoundRows
from smalti.scheduler.records.writer import TableWriter
from smalti.scheduler.runner import resume, start
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
Timeless = Callable[[Path], dict[str, pd.DataFrame]]
StateOf = Callable[[Path], object]
Play = Callable[[Config], tuple[Simulation, list[RoundRows]]]
GROWTH = {"when": "schedule", "every": 1, "births": 2, "until": 1.0, "retire_after": 0}


class Stopped(Exception):
    """Raised by a watcher, in the place of a crash between two rounds."""


def nothing(simulation: Simulation) -> None:
    """Watch without a word."""


@pytest.fixture(scope="module")
def recorded(tiny: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that grows in every round, in places that were drawn."""
    path = tmp_path_factory.mktemp("recorded") / "run"
    start(tiny(growth={**GROWTH, "where": "uniform"}), path, nothing)
    return path


def births(neurons: list[dict[str, object]]) -> Counter[tuple[object, object, object]]:
    return Counter((row["birth_round"], row["tile"], row["task"]) for row in neurons if row["rule"] != SEED)


@pytest.mark.parametrize("rule", ["random", "gradmax_whitened"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_births_by_another_rule(tiny: MakeConfig, play: Play, recorded: Path, rule: str, seed: int) -> None:
    growth = {"retire_after": 0, "rule": rule, "birth_record": str(recorded), "when": "never", "max_neurons": 1}
    simulation, _ = play(tiny(growth=growth, run={"seed": seed}))
    expected = births(open_run(recorded).read_rows("neurons"))
    assert births(simulation.registry.neurons) == expected
    assert len({number for number, _, _ in expected}) == 6
    assert len({tile for _, tile, _ in expected}) == 4
    made = Counter(row["rule"] for row in simulation.registry.neurons if row["rule"] != SEED)
    assert made[rule] > made.total() / 2
    last = sum(count for (number, _, _), count in expected.items() if number == 5)
    assert simulation.gating.last.reason == f"the recorded run bore {last} neurons here"


@pytest.mark.parametrize("rule", ["random", "gradmax_whitened"])
def test_all_births_of_a_task_at_its_start(tiny: MakeConfig, play: Play, recorded: Path, rule: str) -> None:
    growth = {"retire_after": 0, "rule": rule, "birth_record": str(recorded), "birth_record_at": "start"}
    simulation, _ = play(tiny(growth=growth))
    expected: Counter[tuple[object, object, object]] = Counter()
    for (number, tile, task), count in births(open_run(recorded).read_rows("neurons")).items():
        expected[int(str(number)) // 3 * 3, tile, task] += count
    assert births(simulation.registry.neurons) == expected
    assert {number for number, _, _ in expected} == {0, 3}


def test_who_retired_in_the_recorded_run_is_not_born_at_the_start(
    tiny: MakeConfig, recorded: Path, tmp_path: Path
) -> None:
    shutil.copytree(recorded, tmp_path / "run")
    folder = open_run(tmp_path / "run")
    rows = folder.read_rows("neurons")
    gone = next(row for row in rows if row["rule"] != SEED)
    gone["retired_round"] = 4
    TableWriter(folder).rewrite("neurons", rows)
    sizes = []
    for at in ("recorded", "start"):
        simulation = Simulation(tiny(growth={"birth_record": str(folder.path), "birth_record_at": at}))
        assert simulation.growing.births is not None
        sizes.append(len(simulation.growing.births.born))
    assert sizes == [sum(births(rows).values()), sum(births(rows).values()) - 1]


@pytest.mark.parametrize("rounds", [1, 4])
def test_a_stopped_run_ends_like_one_that_was_not_though_the_recorded_run_is_gone(
    tiny: MakeConfig, recorded: Path, tmp_path: Path, timeless: Timeless, state_of: StateOf, rounds: int
) -> None:
    shutil.copytree(recorded, tmp_path / "other")
    config = tiny(growth={"retire_after": 0, "rule": "random", "birth_record": str(tmp_path / "other")})

    def stop(simulation: Simulation) -> None:
        if simulation.round == rounds:
            raise Stopped

    start(config, tmp_path / "whole", nothing)
    with pytest.raises(Stopped):
        start(config, tmp_path / "run", stop)
    shutil.rmtree(tmp_path / "other")
    if rounds == 1:
        open_run(tmp_path / "run").checkpoint.unlink()  # as if it had been killed before the first one
    resume(tmp_path / "run", nothing)
    for name, table in timeless(tmp_path / "whole").items():
        pd.testing.assert_frame_equal(timeless(tmp_path / "run")[name], table, check_exact=True)
    assert state_of(tmp_path / "whole") == state_of(tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"rounds": 2}}, r"has 6 rounds and 2 tasks, this run 4 and 2: give a finished run of the same"),
        ({"stream": {"setting": "joint"}}, r"has 6 rounds and 2 tasks, this run 3 and 1"),
        ({"fabric": {"cols": 3}}, r"was run with fabric\.cols = 2, this run has 3: tiles would not be the same"),
        ({"fabric": {"neurons_per_tile": 9}}, r"was run with fabric\.neurons_per_tile = 8"),
        ({"fabric": {"dead_tiles": ((0, 1),)}}, r"bore a neuron in tile \(0, 1\), which is dead here"),
    ],
)
def test_a_record_of_another_stream_or_chip_is_refused(
    tiny: MakeConfig, recorded: Path, changes: dict[str, dict[str, object]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Simulation(tiny(growth={"birth_record": str(recorded)}, **changes))


def test_what_is_no_finished_run_is_refused(tiny: MakeConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"growth\.birth_record = .* cannot be followed: .* is no run folder"):
        Simulation(tiny(growth={"birth_record": str(tmp_path)}))

    def stop(simulation: Simulation) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        start(tiny(), tmp_path / "half", stop)
    with pytest.raises(ValueError, match=r"has 1 rounds and 1 tasks, this run 6 and 2: give a finished run"):
        Simulation(tiny(growth={"birth_record": str(tmp_path / "half")}))


def test_births_without_room_are_refused_by_tile(tiny: MakeConfig) -> None:
    crowded = birth_record.Births(((0, 2),) * 7)
    simulation = Simulation(tiny(growth={"birth_record": "gone"}), recorded_births=crowded)
    message = r"growth\.birth_record: 2 recorded births for task 0 found no place in tile \(1, 0\) \(it is full\)"
    with pytest.raises(ValueError, match=message):
        simulation.step()


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    assert birth_record.restored(tmp_path, None) is None
    given = birth_record.Births(((0, 2), (3, 1)))
    checksum = zlib.crc32(birth_record.dump(given).encode())
    with pytest.raises(ValueError, match=r"births\.json is damaged .* restore it from a copy"):
        birth_record.restored(tmp_path, checksum)
    (tmp_path / birth_record.FILE).write_text(birth_record.dump(given))
    assert birth_record.restored(tmp_path, checksum) == given
    for text in ("[[0, 1]", "[[0]]", "[3]", json.dumps([["a", 1]])):
        (tmp_path / birth_record.FILE).write_text(text)
        with pytest.raises(ValueError, match=r"births\.json is damaged .*; restore it from a copy"):
            birth_record.restored(tmp_path, zlib.crc32(text.encode()))
