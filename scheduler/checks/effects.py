"""Whether options that were changed do anything in a run; those that would not are refused with the cure."""

from __future__ import annotations

import math
from dataclasses import fields

from smalti.model.chip.faults import FaultsOptions
from smalti.model.continual import METHODS
from smalti.model.growth.levels import LevelsOptions
from smalti.model.options.values import shown
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.placing.room import label_sets
from smalti.scheduler.streams import Stream
from smalti.scheduler.streams.scores import BOUNDED


def check_effects(config: Config, stream: Stream) -> None:
    """Whether what belongs to a part of the run has that part, and whether scores that are asked for can be had.

    Raises:
        ValueError: it has not, or they cannot; with the cure.
    """
    _check_levels(config.growth.levels)
    _check_repairs(config.faults)
    _check_method(config, stream)
    _check_scores(config, stream)


def _check_levels(levels: LevelsOptions) -> None:
    """Options of two levels where there is one."""
    standard = LevelsOptions()
    changed = [f.name for f in fields(levels) if getattr(levels, f.name) != getattr(standard, f.name)]
    if levels.relay or not changed:
        return
    one = len(changed) == 1
    said = ", ".join(f"growth.levels.{name} = {shown(getattr(levels, name))}" for name in changed)
    usual = ", ".join(shown(getattr(standard, name)) for name in changed)
    raise ValueError(
        f"{said} {'belongs' if one else 'belong'} to two levels of experts, and growth.levels.relay = 0 leaves one: "
        f"give the relay neurons, or take the default{'' if one else 's'}, {usual}"
    )


def _check_repairs(faults: FaultsOptions) -> None:
    """Options of repairs where nobody buys any."""
    if faults.heal == "auction":
        return
    for name, usual in (("practice", FaultsOptions.practice), ("tolerance", FaultsOptions.tolerance)):
        if getattr(faults, name) != usual:
            raise ValueError(
                f"faults.{name} = {shown(getattr(faults, name))} is for repairs that old experts buy, and faults.heal "
                f"= {faults.heal!r} has none: take heal auction, or {name} {shown(usual)}"
            )


def _check_method(config: Config, stream: Stream) -> None:
    """A method that keeps old tasks in devices that new ones train, where no new task trains devices of an old one."""
    gating, method = config.gating, config.training.continual.method
    if not METHODS[method].holds or gating.experts == "shared" or _one_returns(stream):
        return
    frozen = gating.protect and gating.stiffness == math.inf
    heard = gating.trunk or gating.taps or config.growth.reuse.by != "none"
    if frozen or not heard:
        why = "gating.protect freezes those of the others" if frozen and heard else "which nobody else trains"
        raise ValueError(
            f"training.continual.method = {method!r} keeps old tasks in devices that new tasks train, and with "
            f"gating.experts = 'task' each has its own, {why}: set gating.experts = 'shared', or method none"
        )


def _one_returns(stream: Stream) -> bool:
    """Whether an expert is trained in several experiences, or in all there is."""
    return len(label_sets(stream, 0, False)) < len(stream.experiences) or len(stream.experiences) == 1


def _check_scores(config: Config, stream: Stream) -> None:
    """Scores that are asked for and that no task can have: accuracies and those that come along are 1 at most.

    R2 has no least value, but 1 is the most; scores of plug-ins may have none.
    """
    score = "right" if stream.readout is None else stream.readout.score
    if score not in BOUNDED:
        return
    growth = config.growth
    cures = {
        "growth.give_back": (growth.give_back, "0 gives nothing back"),
        "growth.enough_score": (growth.enough_score, "growth.when = schedule grows whatever the score is"),
        "growth.reuse.enough": (growth.reuse.enough, "growth.reuse.grow = always gives every task neurons"),
    }
    for name, (value, cure) in cures.items():
        if value > 1:
            raise ValueError(
                f"{name} = {shown(value)} is more than any score, for {score!r} is 1 at most: give 0 to 1 ({cure})"
            )
