"""Whether what is asked of faults and of healing can be had in a run, and has an effect."""

from __future__ import annotations

from smalti.scheduler.config import Config
from smalti.scheduler.streams import Stream


def check_faults(config: Config, stream: Stream) -> None:
    """Whether faults come while the run lasts, and whether what heals them has something to heal.

    Raises:
        ValueError: they do not, or it has not; with the cure.
    """
    rounds, faults = len(stream.experiences) * config.training.rounds, config.faults
    broken = bool(faults.drawn or faults.map)
    if broken and faults.at_round >= rounds:
        shrunk = ", as run.quick shrank it," if config.run.quick else ""
        raise ValueError(
            f"faults.at_round = {faults.at_round}{shrunk} is after the last round, {rounds - 1}: give a round from 0 "
            "on to that one"
        )
    if faults.heal == "auction":
        _check_auction(config, stream)


def _check_auction(config: Config, stream: Stream) -> None:
    """What repairs need: old tasks that are told apart, each with an expert, whose outputs have a closed form."""
    asked, readout = "faults.heal = 'auction'", config.network.readout
    if config.stream.boundaries == "hidden":
        raise ValueError(
            f"{asked} asks old experts about samples of their tasks, and stream.boundaries = 'hidden' tells of none: "
            "take relay, or boundaries told"
        )
    if config.gating.experts == "shared" or stream.setting in ("domain", "joint"):
        raise ValueError(
            f"{asked} repairs the experts of old tasks, and here one expert serves them all and learns on: take relay, "
            "or stream.setting class or task with gating.experts = 'task'"
        )
    if stream.readout is None and readout != "membrane_mean":
        raise ValueError(
            f"{asked} makes read-outs in closed form, which there is for network.readout = 'membrane_mean' alone, not "
            f"for {readout!r}: take that, or heal relay"
        )
