"""Whether experts on two levels go with the rest of a configuration, and whether their first parts find room."""

from __future__ import annotations

from collections.abc import Iterator

from smalti.model.chip.fabric import Fabric, NoRoomError
from smalti.model.chip.links import Links
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.levels.placement import Site
from smalti.scheduler.growth.placing.room import empty
from smalti.scheduler.streams import Stream

LISTENERS = ("seed", "trunk")  # gating networks that hear experts' own neurons, of which a combination has none


def check_levels(config: Config, fabric: Fabric, stream: Stream) -> None:
    """Whether a run with two levels can be.

    Raises:
        ValueError: options contradict each other, or the chip has no room for the relay and the first parts.
    """
    levels = config.growth.levels
    if not levels.relay:
        if config.gating.network == "levels":
            raise ValueError(
                "gating.network = 'levels' has a gate on either of two levels, and growth.levels.relay = 0 makes one: "
                "give the relay neurons, 16 to begin with, or take gaussian"
            )
        return
    for field, value, why, cure in _contradictions(config, stream):
        raise ValueError(
            f"growth.levels.relay = {levels.relay} makes two levels, and {field} = {value!r} {why}: {cure}, or relay 0"
        )
    outputs = max(stream.outputs_for(experience.classes) for experience in stream.experiences)
    site = Site(Links(fabric, stream.channels), empty(fabric))
    try:
        site.place_relay(levels.relay)
        site.place_north(levels.north)
        site.place_south(levels.south, outputs)
    except NoRoomError as error:
        raise NoRoomError(
            f"this chip has no room for the first task on two levels: {error}; raise fabric.neurons_per_tile or "
            "fabric.wires, or lower growth.levels.relay, north or south"
        ) from error


def _contradictions(config: Config, stream: Stream) -> Iterator[tuple[str, object, str, str]]:
    """Fields that do not go with two levels, with their values, why, and the cure."""
    growth, gating = config.growth, config.gating
    if growth.levels.begin == "copy" and config.fabric.inputs == "spread":
        yield (
            "fabric.inputs",
            "spread",
            "leaves a copy of a part other inputs (levels.begin = copy)",
            "take every",
        )
    if growth.when != "never":
        yield "growth.when", growth.when, "grows an expert, whose parts others run, too", "take never"
    if growth.reuse.by != "none":
        yield "growth.reuse.by", growth.reuse.by, "opens tasks in another way", "take none"
    if growth.buy_back.by != "none":
        yield "growth.buy_back.by", growth.buy_back.by, "sells neurons that other combinations run", "take none"
    if growth.give_back:
        yield "growth.give_back", growth.give_back, "takes neurons that other combinations run", "take 0"
    if growth.birth_record:
        yield "growth.birth_record", growth.birth_record, "follows births of one level", "leave it empty"
    if growth.rewiring.steps:
        yield "growth.rewiring.steps", list(growth.rewiring.steps), "rewires what others run", "leave it empty"
    if gating.experts == "shared":
        yield "gating.experts", gating.experts, "has one expert for all tasks", "take task"
    if gating.trunk:
        yield "gating.trunk", gating.trunk, "lets experts hear the first one beside the relay", "take false"
    if gating.taps:
        yield "gating.taps", gating.taps, "lets experts hear others beside the relay", "take false"
    if not gating.protect:
        yield "gating.protect", gating.protect, "lets new tasks change old parts, which others run", "take true"
    if gating.stiffness != float("inf"):
        yield "gating.stiffness", gating.stiffness, "lets old parts, which others run, move", "take inf"
    if gating.network in LISTENERS:
        yield "gating.network", gating.network, "hears neurons of experts, which share them here", "take gaussian"
    if config.network.kinds:
        yield "network.kinds", [*config.network.kinds], "has other neurons than parts are made of", "leave it empty"
    if config.stream.boundaries == "hidden":
        yield "stream.boundaries", "hidden", "tells nobody when a task opens", "take told"
    if stream.readout is not None:
        yield "stream.name", config.stream.name, "asks for targets at single steps", "take a stream of labelled samples"
    if config.network.readout != "membrane_mean":
        yield "network.readout", config.network.readout, "has no closed form for what bids read", "take membrane_mean"
