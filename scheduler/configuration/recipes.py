"""Configurations for chips of several sizes that learn twenty tasks: what ``smalti init --size`` writes.

On a chip of many rows three defaults do not do. A spike takes a step for each row. The seed of an expert is a chain of
neurons through all rows, more of them than ``growth.max_neurons`` allows by default, so that nothing could grow. And
what a random chain of many neurons lets through says next to nothing of the class; what does are newborns near the
inputs, which reach the outputs over the routing tiles, by lanes that many of them share.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump, from_mapping, nested

SIDES: Mapping[str, int] = {"small": 8, "medium": 16, "large": 32}  # rows and columns of tiles
NEURONS = 32  # of a tile, and wires on each of its sides
HEARD = 28  # steps that are left when a spike has crossed all rows
LINE = 118


def settings(size: str) -> dict[str, tuple[object, str]]:
    """What a size wants other than by default, and why: dotted field -> value, reason; nothing for ``default``."""
    if size == "default":
        return {}
    side = SIDES[size]
    return {
        "fabric.rows": (side, ""),
        "fabric.cols": (side, ""),
        "fabric.neurons_per_tile": (NEURONS, ""),
        "fabric.wires": (NEURONS, ""),
        "fabric.corner_wires": (
            NEURONS,
            "newborns near the inputs reach the outputs over corners that many share",
        ),
        "stream.transform": ("permuted", "with four copies of five pairs of digits there are 20 different tasks"),
        "stream.tasks": (4, "copies, of which the first is as it is and each other has its pixels permuted"),
        "stream.steps": (side + HEARD, f"a spike takes {side} steps from the inputs to the outputs"),
        "training.rounds": (6, "of each task; newborns come in the first three"),
        "training.steps": (30, ""),
        "growth.max_neurons": (0, "the seed alone, a chain through all rows, has more than the default allows"),
        "growth.births": (4, "for each class and round: seeds let little through, so that newborns have to come soon"),
    }


def recipe(size: str) -> Config:
    """The configuration of a size."""
    return from_mapping(Config, nested({name: value for name, (value, _) in settings(size).items()}))


def text(size: str) -> str:
    """The file of a size: all fields with comments and, before them, what is other than by default and why."""
    body = dump(recipe(size))
    if size == "default":
        return body
    side = SIDES[size]
    head = [
        f"A chip of {side} x {side} tiles of {NEURONS} neurons that learns 20 tasks, each by an expert of its own.",
        "Other than by default are, with the reasons:",
        *(f"{name}: {reason}" for name, (_, reason) in settings(size).items() if reason),
    ]
    lines = [line for part in head for line in wrap(part, LINE - 2, subsequent_indent="    ")]
    return "".join(f"# {line}\n" for line in lines) + "\n" + body
