"""``smalti.run`` and ``smalti.resume``: a simulation from beginning to end in a folder, which is opened then."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

from smalti.analysis.runs import Run, load_run
from smalti.scheduler import runner
from smalti.scheduler.commands.printing.progress import any_bar
from smalti.scheduler.configuration.configure import MEMORY, Given, configure
from smalti.scheduler.records.reserved import reserved
from smalti.scheduler.streams import Data

RUNS = Path("runs")  # where runs go that nobody gives a folder


def run(
    config: Given = None,
    *,
    data: Data | None = None,
    out: os.PathLike[str] | str | None = None,
    progress: bool = True,
    **options: object,
) -> Run:
    """Run a simulation into a folder, as the command ``smalti run`` does, and open the folder.

    >>> import smalti
    >>> run = smalti.run("digits", quick=True, rounds=2, growth={"rule": "random"}, out="my-run")
    >>> run
    <Run my-run: digits, setting class; 10 of 10 rounds; ...>
    >>> run.table("rounds").groupby("experience")["accuracy"].last().shape
    (5,)

    Args:
        config: a ``smalti.Config``, the path of a TOML file, the name of a stream, or a mapping as the file holds it,
            whose names may be dotted: ``{"growth.rule": "random"}``. None: all defaults.
        data: data in memory, made by ``smalti.data``, instead of what the configuration names; the folder keeps them.
        out: folder for the run; None: the next free one under runs/.
        progress: show a bar, in terminals and notebooks.
        options: what is to be other than in ``config``. A name is a section if there is one of that name
            (``growth={"rule": "random"}``), else the field of that name if exactly one section has it (``rounds=5``,
            ``seed=1``, ``quick=True``); if several have it, give the dotted name: ``**{"training.steps": 20}``.

    Returns:
        The run; ``run.table("rounds")``, ``run.summary()``, ``run.predict(x)``.

    Raises:
        ValueError: for what cannot be run, with the cure; nothing is left behind.
    """
    if not isinstance(out, (str, os.PathLike, type(None))):
        raise ValueError(f"out = {out!r} is no folder; give its path")
    settings = configure(config, options)
    name = settings.stream.name if data is None else MEMORY
    free = reserved(RUNS, f"{name}-{settings.stream.setting}")
    with free if out is None else nullcontext(Path(os.path.expanduser(out))) as folder:
        with any_bar(progress) as watch:
            runner.start(settings, folder, watch, data)
        return load_run(folder)


def resume(path: Run | os.PathLike[str] | str, *, progress: bool = True) -> Run:
    """Go on with a run that was stopped; its tables end up the same as if it had not been.

    >>> import smalti
    >>> run = smalti.run("digits", quick=True, rounds=1, out="stopped")
    >>> smalti.resume("stopped").table("rounds").equals(run.table("rounds"))  # there was nothing left to do
    True

    Raises:
        ValueError: it is no run, is in use, or its configuration or data were changed.
    """
    folder = path.path if isinstance(path, Run) else Path(path)
    with any_bar(progress) as watch:
        runner.resume(folder, watch)
    return load_run(folder)
