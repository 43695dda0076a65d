"""Accuracy of a finished run on copies of its chip: against time and against noise.

A copy is another chip that was programmed to the same targets at the same times, with other random numbers: what one
gets who builds the chip again. The run is rebuilt from its checkpoint, which stays as it is; the gating network, which
is off the chip, is the same in all copies. Read noise is drawn anew in every evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import pandas as pd
import torch

from smalti.analysis.outcomes import headline
from smalti.analysis.restored import restored
from smalti.analysis.runs import Run
from smalti.model.devices import TECHNOLOGIES, DevicesOptions
from smalti.model.devices.memristors import Memristors
from smalti.model.options.values import build
from smalti.scheduler.answers import evaluation
from smalti.scheduler.answers.copies import accuracies, copies_of
from smalti.scheduler.configuration.registries import check_name
from smalti.scheduler.processor import computing
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import TEST, VALIDATION

DAY = 86400.0
TIMES = (1.0, 3600.0, DAY, 30 * DAY, 365 * DAY)
NOISES = (0.0, 0.02, 0.05, 0.1, 0.2)
HARMLESS = {"drift", "compensation", "reading", "programming", "acceptance", "attempts", "learning"}
"""Fields that leave the dates of devices, their ranges and their levels as they are."""

SPLITS = {"test": TEST, "validation": VALIDATION}


def at_times(
    run: Run,
    times: Sequence[float] = TIMES,
    draws: int = 20,
    devices: Mapping[str, object] | None = None,
    setting: str | None = None,
    split: str = "validation",
) -> pd.DataFrame:
    """Accuracy on every task at times after the run has ended; nothing is refreshed.

    Args:
        run: the run, of which at least one round is finished.
        times: seconds after its last round.
        draws: copies of the chip.
        devices: fields of ``devices`` that are other than in the run, such as ``{"kind": "pcm"}``. Then the whole chip
            is programmed at the end of the run, unless they are of ``HARMLESS`` alone; by default devices are as old
            as they are.
        setting: ``task`` (told) or what the run is judged by, which is the default.
        split: ``validation`` or ``test``.

    Returns:
        Columns draw, seconds, task and accuracy.

    Raises:
        ValueError: a setting or split that there is not, options that cannot be, or a run that cannot be rebuilt.
    """
    told = _is_told(run, setting)
    rows: list[dict[str, float]] = []
    with _equipped(run, devices) as simulation:
        chip = simulation.network.memristors
        for draw, end in copies_of(chip, draws, simulation.config.run.seed):
            for seconds in times:
                chip.at(end + seconds)
                rows += [{"draw": draw, "seconds": seconds, **row} for row in _answers(simulation, told, split)]
    return _table(rows, "times")


def at_noise(
    run: Run,
    noises: Sequence[float] = NOISES,
    draws: int = 20,
    setting: str | None = None,
    split: str = "validation",
) -> pd.DataFrame:
    """Accuracy on every task with the Gaussian programming noise of ``mosaic``, whatever the run was trained with.

    Nothing else of the run's devices is left: no level, no stuck device, no second attempt, and no weight is clipped,
    for the range is that of the largest weight in use.

    Args:
        run: the run.
        noises: standard deviations of a weight, as a share of the largest.
        draws: copies of the chip, for every noise.
        setting, split: as in ``at_times``.

    Returns:
        Columns draw, noise, task and accuracy.
    """
    told = _is_told(run, setting)
    rows: list[dict[str, float]] = []
    simulation = restored(run)
    largest = float(simulation.network.state.weight.detach().abs().amax()) or 1.0
    for noise in noises:
        plain = asdict(DevicesOptions(kind="mosaic", mosaic_noise=noise, largest_weight=largest))
        with _equipped(simulation, plain):
            for draw, _ in copies_of(simulation.network.memristors, draws, simulation.config.run.seed):
                rows += [{"draw": draw, "noise": noise, **row} for row in _answers(simulation, told, split)]
    return _table(rows, "noises")


def _table(rows: Sequence[Mapping[str, float]], asked: str) -> pd.DataFrame:
    if not rows:
        raise ValueError(f"{asked} are empty: give one at least")
    return pd.DataFrame(rows).astype({"draw": int, "task": int})


def _is_told(run: Run, setting: str | None) -> bool:
    usual = headline(run)
    if setting not in (None, "task", usual):
        raise ValueError(f"setting = {setting!r} is none that copies are asked in: take task, or {usual}")
    return (setting or usual) == "task"


@contextmanager
def _equipped(run: Run | Simulation, devices: Mapping[str, object] | None) -> Iterator[Simulation]:
    """The run's simulation, on other devices if some are named."""
    simulation = restored(run)
    network = simulation.network
    if devices is not None:
        options = build(DevicesOptions, asdict(simulation.config.devices) | dict(devices), "devices")
        check_name("devices.kind", options.kind, TECHNOLOGIES)
        former = network.memristors
        chip = network.memristors = Memristors(options, network, former.draws.chance, simulation.config.run.seed)
        if set(devices) <= HARMLESS and not chip.exact:
            chip.load_state_dict(former.state_dict())
        chip.at(former.seconds)
    with computing(1 if network.engine == "events" else simulation.config.run.threads), torch.no_grad():
        yield simulation


def _answers(simulation: Simulation, told: bool, split: str) -> list[dict[str, float]]:
    """Accuracy on every task that is served."""
    if split not in SPLITS:
        raise ValueError(f"split = {split!r} is unknown; take {' or '.join(SPLITS)}")
    agent, stream = simulation.gating, simulation.stream
    if not told and evaluation.needs_label(agent):
        raise ValueError("experts of this run cannot be chosen without a label: take setting = 'task'")
    answers = accuracies(agent, stream, simulation.batches_of, told, SPLITS[split])
    return [{"task": task, "accuracy": accuracy} for task, accuracy in answers]
