"""What a run also writes for other tools, as ``run.log`` names them, into RUN/logs; tables come first.

tensorboard   an event file of the table ``rounds``, as the run goes
wandb         the same for Weights & Biases, offline (extra ``wandb``)
csv, json     every table, once the run has ended
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, Protocol

from smalti.scheduler.logs.files import Csv, Json
from smalti.scheduler.logs.tensorboard import TensorBoard
from smalti.scheduler.logs.wandb import Wandb
from smalti.scheduler.records.folder import RunFolder

Name = Literal["tensorboard", "csv", "json", "wandb"]
Row = Mapping[str, object]
FOLDER = "logs"


class Log(Protocol):
    """Something that is told of every round."""

    def add(self, number: int, values: Mapping[str, float]) -> None:
        """Take note of a round."""

    def end(self) -> None:
        """Write what is left; the run has ended, or is stopped."""


def check(names: Sequence[str]) -> None:
    """Whether what these need is installed.

    Raises:
        ValueError: it is not, with how to install it.
    """
    if "wandb" in names and importlib.util.find_spec("wandb") is None:
        raise ValueError('run.log names wandb, a package that is not installed: pip install "smalti[wandb]"')


@contextmanager
def opened(names: Sequence[Name], folder: RunFolder, before: int) -> Iterator[list[Log]]:
    """The logs of a run that goes on; they know the rounds that are in its tables already.

    Args:
        names: as in ``run.log``.
        folder: of the run.
        before: the round that comes next.
    """
    kinds: dict[str, Callable[[RunFolder, Path], Log]] = {
        "tensorboard": TensorBoard,
        "csv": Csv,
        "json": Json,
        "wandb": Wandb,
    }
    with ExitStack() as stack:  # which ends those that are open when another one cannot be opened, or ended
        logs = list[Log]()
        for name in dict.fromkeys(names):
            logs.append(kinds[name](folder, folder.path / FOLDER))
            stack.callback(logs[-1].end)
        for row in folder.read_rows("rounds") if logs else ():
            if int(str(row["round"])) < before:  # what was in hand comes again
                tell(logs, row)
        yield logs


def tell(logs: Sequence[Log], row: Row) -> None:
    """Tell all of a row of the table ``rounds``: its numbers, those that are none left out."""
    values = {name: float(value) for name, value in row.items() if isinstance(value, int | float) and name != "round"}
    for log in logs:
        log.add(int(str(row["round"])), {name: value for name, value in values.items() if math.isfinite(value)})
