"""Whether what is asked of faults and of healing can be had in a run, and has an effect."""

from __future__ import annotations

import warnings

from smalti.model.devices import DevicesOptions
from smalti.scheduler.configuration.config import Config
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
    if faults.at_round and not broken:
        raise ValueError(
            f"faults.at_round = {faults.at_round} says when faults come, and there are none: give shares "
            "(faults.row_share, slot_share, tile_share, wire_share) or faults.map, or set it to 0"
        )
    if faults.heal != "none" and not faults.watch and not (broken and faults.known and faults.at_round):
        watching = " or watch, which needs none of it" if faults.heal == "auction" else ""
        raise ValueError(
            f"faults.heal = {faults.heal!r} mends what known faults take away when they come, and none do: give "
            f"faults.at_round and shares or a map, with faults.known{watching}, or set heal to none"
        )
    if config.devices.mosaic_noise != DevicesOptions.mosaic_noise and config.devices.kind != "mosaic":
        warnings.warn(
            f"devices.mosaic_noise = {config.devices.mosaic_noise} is that of devices.kind = 'mosaic' alone, and the "
            f"kind is {config.devices.kind!r}: it has no effect here",
            stacklevel=4,
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
