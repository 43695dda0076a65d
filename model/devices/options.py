"""Options of the devices: which technology, how a weight stands on its pair, how weights are learned on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smalti.model.options import ranges
from smalti.model.options.values import expand_home, settle, shown

LEVELS = 1 << 16  # most levels of a device
IDEAL = "ideal"


@dataclass(frozen=True, kw_only=True)
class DevicesOptions:
    """The devices of the crossbars.

    Attributes:
        kind: technology: ideal, mosaic, reram_wan, reram_cmo, pcm, or measured, which reads a file; or a plug-in's.
        learning: where weights are learned: chip programs every device that learns in every step; noise learns on a
            copy with programming errors drawn anew in every minibatch, levels on one that is rounded, exact on one that
            is not; what a copy has learned is programmed once a round, and what is frozen is read from the chip by all.
        largest_weight: weight that the whole range of a device stands for; larger ones are clipped.
        scale: chip gives all tiles that weight; tile gives each the least of it, its half, its quarter and so on that
            holds the tile's weights, and programs the whole tile again when that no longer does.
        negative_share: share of the range that the negative device of a pair has, for pairs that are not alike.
        levels: evenly spaced conductances to which devices can be programmed, from 2 on; 0 for any.
        lowest: least conductance of a device in uS.
        highest: greatest conductance of a device in uS; 0 for the range of the technology.
        programming: multiple of the technology's programming error; 0 for none.
        reading: multiple of its read noise, drawn once for every minibatch that runs; 0 for none.
        drift: whether conductances change after they were programmed.
        round_seconds: seconds that pass from one round to the next.
        compensation: whether one factor, from the mean absolute weight, makes up for drift.
        acceptance: programmed conductances further from their target than this share of the range are programmed
            again; 0 takes the first as it comes.
        attempts: most times that a device is programmed for that.
        stuck_on: share of devices that have the greatest conductance whatever is written.
        stuck_off: share of devices that have the least.
        self_test: whether a test has found which are stuck before anything is learned: newborns get the slots of a
            tile with fewest, and bids are worth as much less as the next of them has.
        mosaic_noise: standard deviation of a weight of mosaic, as a share of the largest weight in use.
        cmo_acceptance: acceptance in % with which reram_cmo was characterised: 2 or 0.2.
        measured: file of kind measured, a CSV with the columns conductance and sigma, and read if it was measured, all
            in uS.
        copies: copies of the chip that are asked everything when the run has ended, for the table copies; 0 for none.
        ages: seconds after the end of the run at which copies are asked, ascending.
    """

    kind: str = IDEAL
    learning: Literal["chip", "noise", "levels", "exact"] = "chip"
    largest_weight: float = 2.0
    scale: Literal["chip", "tile"] = "chip"
    negative_share: float = 1.0
    levels: int = 0
    lowest: float = 0.0
    highest: float = 0.0
    programming: float = 1.0
    reading: float = 1.0
    drift: bool = True
    round_seconds: float = 60.0
    compensation: bool = False
    acceptance: float = 0.0
    attempts: int = 10
    stuck_on: float = 0.0
    stuck_off: float = 0.0
    self_test: bool = False
    mosaic_noise: float = 0.05
    cmo_acceptance: float = 2.0
    measured: str = ""
    copies: int = 0
    ages: tuple[float, ...] = (1.0, 3600.0, 86400.0, 2592000.0, 31536000.0)

    def __post_init__(self) -> None:
        settle(self, "devices")
        expand_home(self, "measured")
        ranges.positive("devices", self, "largest_weight", most=1e6)
        ranges.share_above_0("devices", self, "negative_share")
        ranges.not_negative("devices", self, "levels", most=LEVELS)
        ranges.weight("devices", self, "lowest", "highest")
        ranges.not_negative("devices", self, "programming", "reading", "mosaic_noise", most=1000)
        ranges.not_negative("devices", self, "round_seconds", most=ranges.EVER)
        ranges.share("devices", self, "acceptance", "stuck_on", "stuck_off")
        ranges.at_least("devices", self, 1, "attempts", most=1000)
        ranges.not_negative("devices", self, "copies", most=10_000)
        if list(self.ages) != sorted(set(self.ages)) or any(not 0 <= age <= ranges.EVER for age in self.ages):
            raise ValueError(f"devices.ages = {shown(list(self.ages))} must be seconds, ascending, none negative")
        if self.copies and not self.ages:
            raise ValueError("devices.copies are asked at devices.ages, which are empty: give one age, such as [0]")
        if self.levels == 1:
            raise ValueError("devices.levels = 1 tells no weights apart: give 2 or more, or 0 for any conductance")
        if (self.lowest or self.highest) and self.lowest >= self.highest:
            raise ValueError(
                f"devices.lowest = {self.lowest} is not below devices.highest = {self.highest}: swap them, or set both "
                "to 0 for the range of the technology"
            )
        if self.stuck_on + self.stuck_off > 1:
            raise ValueError(
                f"devices.stuck_on = {self.stuck_on} and devices.stuck_off = {self.stuck_off} are more than all "
                "devices: lower one of them"
            )
        if self.cmo_acceptance not in (2.0, 0.2):
            raise ValueError(f"devices.cmo_acceptance = {self.cmo_acceptance} was not characterised: take 2 or 0.2")
        if self.learning == "levels" and not self.levels:
            raise ValueError(
                "devices.learning = 'levels' needs levels: give devices.levels, or take chip, noise or exact"
            )
        if self.kind == "measured" and not self.measured:
            raise ValueError(
                "devices.kind = 'measured' reads a file: set devices.measured to a CSV with columns conductance and "
                "sigma, and read if it was measured, all in uS"
            )
        if self.measured and self.kind != "measured":
            raise ValueError(
                f"devices.kind = {self.kind!r} with devices.measured = {self.measured!r} do not fit: the kind measured "
                "reads a file, and the others none"
            )
