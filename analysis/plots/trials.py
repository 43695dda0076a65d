"""A single trial: the spikes that went in, those of the neurons that ran, and outputs against targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smalti.analysis.plots.drawing.figure import PALETTE, task_colour
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Key, Line, Panel, Picture, Span, limits
from smalti.analysis.units import in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from smalti.analysis.anew.trials import Trial

ASKED = "#e4e4e4"  # behind steps at which something is asked
MARK = 0.7  # height of a spike, rows
ENTRIES = 12  # of a legend, at most


def draw_trial(trial: Trial) -> Figure:
    """Input spikes (above), spikes of the neurons that run, outputs (lines) and targets (dashed); asked steps shaded.

    Args:
        trial: as ``analysis.anew.trials.trials`` gives it.

    Raises:
        ValueError: matplotlib is missing.
    """
    return painted(trial_picture(trial))


def trial_picture(trial: Trial) -> Picture:
    """What ``draw_trial`` draws."""
    hidden, steps = max(1, len(trial.neurons)), np.arange(len(trial.outputs))
    asked, x = _asked(trial.weights), (-0.5, len(steps) - 0.5)
    top = Panel(
        marks=[*asked, _spikes(trial.inputs, "#333333")],
        x=x,
        y=(trial.inputs.shape[1] - 0.5, -0.5),
        y_label="input channel",
        frame="corner",
        ratio=1.1,
    )
    born = trial.neurons["task"].to_numpy(int)
    tasks = sorted(set(born.tolist()))
    middle = Panel(
        marks=[*asked, *(_spikes(np.where(born == task, trial.spikes, False), task_colour(task)) for task in tasks)],
        x=x,
        y=(hidden - 0.5, -0.5),
        y_label="neuron\nthat runs",
        frame="corner",
        keys=_few([Key(label=f"born for task {task}", colour=task_colour(task), kind="line") for task in tasks]),
        ratio=min(1.3, 0.3 + 0.03 * hidden),
    )
    keys, lines = [], []
    for number, name in enumerate(trial.names):
        colour = PALETTE[number % len(PALETTE)]
        wanted = np.where(trial.weights > 0, trial.targets[:, number], np.nan)
        lines.append(Line(x=steps, y=trial.outputs[:, number], colour=colour))
        lines.append(Line(x=steps, y=wanted, colour=colour, width=1.2, dashed=True))
        keys.append(Key(label=name, colour=colour, kind="line"))
    bottom = Panel(
        marks=[*asked, *lines],
        x=x,
        y=limits(*(line.y for line in lines)),
        x_label="time step (shaded: asked)",
        y_label="output",
        frame="corner",
        keys=_few([*keys, Key(label="target", colour="#777777", kind="dashed")]),
        ratio=1.2,
    )
    title = (
        f"task {trial.task}, {trial.name}: score {trial.value:.2g} ({in_words(trial.score)}), "
        f"{int(trial.spikes.sum())} spikes of {len(trial.neurons)} neurons"
    )
    return Picture(title=title, panels=[top, middle, bottom], width=7.2, height=5.6, letters=7)


def _few(keys: list[Key]) -> list[Key]:
    """A legend, unless it has too many entries to be read."""
    return keys if len(keys) <= ENTRIES else []


def _spikes(fired: NDArray[np.bool_], colour: str) -> Line:
    """A short line a spike, all of them as one path, which keeps files small."""
    step, unit = np.nonzero(fired)
    gap = np.full(len(step), np.nan)
    x, y = np.stack([step, step, gap], 1).ravel(), np.stack([unit - MARK / 2, unit + MARK / 2, gap], 1).ravel()
    return Line(x=x, y=y, colour=colour, width=1.2)


def _asked(weights: NDArray[np.float32]) -> list[Span]:
    """Runs of steps at which something is asked."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], weights > 0, [0]]).astype(int)))
    return [Span(first=first - 0.5, last=after - 0.5, colour=ASKED) for first, after in edges.reshape(-1, 2)]
