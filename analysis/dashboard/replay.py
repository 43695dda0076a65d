"""A run folder as views of its rounds. Everything small is read at once, wires of a round when it is shown."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from smalti.analysis.chip.modules import clusters_along
from smalti.analysis.dashboard.view import Books, Row, View, view_of
from smalti.analysis.runs import load_run
from smalti.analysis.units import USUAL_SCORE, USUAL_UNIT
from smalti.model.chip.fabric import Fabric
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import load
from smalti.scheduler.records import snapshots
from smalti.scheduler.records.folder import RunFolder, open_run
from smalti.scheduler.records.pasted import pasted


@dataclass(frozen=True)
class Recorded:
    """A run that left a folder."""

    folder: RunFolder
    config: Config
    fabric: Fabric
    rounds: tuple[Row, ...]  # in order
    neurons: tuple[Row, ...]
    links: tuple[Row, ...]
    bids: dict[int, list[Row]]  # round -> its bids
    score: str  # what accuracy is
    kept: Mapping[int, Path]  # round -> its snapshot, in order

    @property
    def swapped(self) -> bool:
        """Whether neurons changed their places: tables know where they were last, not where they were before."""
        return any(row["swapped"] for row in self.rounds)

    @cached_property
    def clusters(self) -> dict[int, dict[int, int]]:
        """Functional cluster of neurons by their id, after every round of which there is a snapshot, and the last.

        The network is asked anew, which takes about a second for each.

        Raises:
            ValueError: it cannot be asked.
        """
        found = clusters_along(load_run(self.folder.path))
        return {number: dict(zip(own.index.tolist(), own.tolist(), strict=True)) for number, own in found.items()}

    def clusters_at(self, number: int) -> tuple[int, dict[int, int]]:
        """The last moment up to a round of which clusters are known, and these; -1 and none before the first."""
        moments = [-1, *self.clusters]
        moment = moments[bisect_right(moments, number) - 1]
        return moment, self.clusters.get(moment, {})

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.folder.path.absolute().name

    @property
    def last(self) -> int:
        """The last round."""
        return int(self.rounds[-1]["round"])

    def at(self, number: int) -> View:
        """The view after a round.

        Raises:
            ValueError: the run has no such round, or its ports cannot be read.
        """
        if not 0 <= number <= self.last:
            raise ValueError(f"{self.folder.path} has rounds 0 to {self.last}, not {number}")
        neurons, links = self._lived(number)
        books = Books(
            rounds=self.rounds,
            neurons=neurons,
            links=links,
            ports=self._ports(number),
            bids=self.bids.get(max((r for r in self.bids if r <= number), default=-1), []),
            unit=str(self.rounds[-1].get("unit", USUAL_UNIT)),
            score=self.score,
        )
        return view_of(self.config, self.fabric, books, number, self.last + 1)

    def _lived(self, number: int) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
        """Neurons and links; where neurons changed places, as a snapshot of the round has them, if there is one."""
        if not self.swapped or number not in self.kept:
            return self.neurons, self.links
        then = RunFolder(self.kept[number])
        return tuple(_rows(then, "neurons")), tuple(_rows(then, "links"))

    def _ports(self, number: int) -> dict[str, np.ndarray]:
        with file_named_in_errors(self.folder.folder("ports")):
            table = self.folder.read_round("ports", number)
            return {name: table[name].to_numpy() for name in table.column_names}


def recorded(path: Path) -> Recorded:
    """Open a run folder.

    Raises:
        ValueError: it is none, a newer smalti wrote it, it is damaged, or no round of it is finished.
    """
    folder = open_run(path)
    config = load(Config, folder.config)
    rounds = _rows(folder, "rounds")
    if not rounds:
        raise ValueError(f"{path} has no finished round yet; `{pasted('smalti', 'resume', path)}` goes on with it")
    with file_named_in_errors(folder.folder("ports")):
        wired = folder.rounds_in("ports")
    lost = [row["round"] for row in rounds if row["round"] not in wired]
    if lost:
        raise ValueError(f"{folder.folder('ports')} is damaged: round {lost[0]} is missing; restore it, or run again")
    bids: dict[int, list[Row]] = defaultdict(list)
    for row in _rows(folder, "bids"):
        bids[row["round"]].append(row)
    return Recorded(
        folder,
        config,
        Fabric(config.fabric),
        tuple(rounds),
        tuple(_rows(folder, "neurons")),
        tuple(_rows(folder, "links")),
        dict(bids),
        next((str(row.get("score", USUAL_SCORE)) for row in _rows(folder, "evaluations")), USUAL_SCORE),
        {number: place for number, place in snapshots.kept(path).items() if number <= int(rounds[-1]["round"])},
    )


@contextmanager
def file_named_in_errors(file: Path) -> Iterator[None]:
    """Tell damage of a file or table by its name.

    Raises:
        ValueError: whatever is wrong with it.
    """
    try:
        yield
    except (ValueError, OSError, KeyError) as error:  # ArrowInvalid is a ValueError
        raise ValueError(f"{file} is damaged or missing ({error}); restore it, or run again") from error


def _rows(folder: RunFolder, table: str) -> list[Row]:
    with file_named_in_errors(folder.folder(table)):
        return list(folder.read_rows(table))
