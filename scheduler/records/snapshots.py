"""Moments of a run that stay: each is a run folder by itself, so that whatever opens a run opens it as it was then.

    RUN/snapshots/round-00015/    the run as it was after round 15

Its files are those that the run has at that moment, by hard links: every file of a run folder appears by a rename and
is never changed afterwards, so that a snapshot keeps what the run goes on to replace, and only that takes disk of its
own. Where a file system knows no links they are copies. What is there for readers alone (logs, the report) is left out.

A snapshot is made after the checkpoint of its round, in one step, and before anything of the next round is written; a
run that was killed between the two makes it when it goes on.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from smalti.scheduler.records.atomic import scratch, sync_folder
from smalti.scheduler.records.folder import RunFolder

FOLDER = "snapshots"
NAME = "round-"
LEFT_OUT = (FOLDER, "logs", "report.html", ".*")


def due(number: int, every: int) -> bool:
    """Whether a run that keeps one after so many rounds (0: none) keeps one after this round, the first being 0."""
    return every > 0 and number >= 0 and (number + 1) % every == 0


def kept(run: Path) -> dict[int, Path]:
    """Rounds of which a run folder has a snapshot, in order, and where it is."""
    found = (run / FOLDER).glob(f"{NAME}*")
    return {int(path.name.removeprefix(NAME)): path for path in sorted(found)}


def keep(folder: RunFolder, number: int) -> None:
    """Make the snapshot of the round whose checkpoint was written last; there is none yet."""
    place = folder.path / FOLDER / f"{NAME}{number:05d}"
    place.parent.mkdir(exist_ok=True)
    building = scratch(place)
    shutil.copytree(folder.path, building, copy_function=_link, ignore=shutil.ignore_patterns(*LEFT_OUT))
    os.rename(building, place)
    sync_folder(place.parent)


def come_back(folder: RunFolder, number: int, every: int) -> None:
    """Make snapshots what they are to be where a run goes on: none is half made, later than its checkpoint or missing.

    Args:
        folder: the run, with nothing written after its checkpoint that is not to be written again.
        number: the round of the checkpoint; -1 where there is none.
        every: after how many rounds one is kept.
    """
    for left in (folder.path / FOLDER).glob(".*"):
        shutil.rmtree(left)
    there = kept(folder.path)
    for later in [round for round in there if round > number]:
        shutil.rmtree(there[later])
    if due(number, every) and number not in there:
        keep(folder, number)


def is_snapshot(path: Path) -> bool:
    """Whether a run folder is a moment of another one, by where it stands."""
    place = path.absolute()
    return place.parent.name == FOLDER and place.name.startswith(NAME)


def check_no_snapshot(path: Path) -> None:
    """Refuse to go on with a snapshot where it stands.

    Raises:
        ValueError: it is one.
    """
    if is_snapshot(path):
        raise ValueError(
            f"{path} is a snapshot of {path.absolute().parent.parent}, which stays as it is: copy it elsewhere, and "
            "go on with the copy"
        )


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # none on this file system
        shutil.copy2(source, target)
