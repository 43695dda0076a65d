"""Architecture files: what a chip takes for one of each thing that it does, in joules and seconds.

    name = "Loihi"
    source = "where the numbers are from"

    [units]             # of the sections below: J, mJ, uJ, nJ, pJ, fJ; s, ms, us, ns, ps; W, mW, uW, nW
    energy = "pJ"

    [energy]            # of one each; what is left out has no cost, and no joules in a table
    synaptic_operation = 23.6

Sections are ``energy``, ``time`` and ``power``. Nothing is assumed: what a file does not say is not counted in joules.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar

from smalti.model.options.values import build, settle, shown
from smalti.scheduler.configuration.config_io import read_toml

FILES = Path(__file__).parent / "architectures"
POWERS = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
OF_ONE = {"energy": "J", "time": "s", "power": "W"}  # what is measured in what
UNSAID = math.nan


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Of one each.

    Attributes:
        synaptic_operation: a spike that meets a device in use: an addition.
        spike: a spike of a neuron, whatever it drives.
        hop_r1: a spike that crosses a routing tile between two neuron tiles.
        hop_r0: a spike that crosses a routing tile at a corner.
        membrane_update: a state of a neuron that runs, at every time step: its membrane, and its slow synapse and
            adapted threshold where it has them.
        write: a device that is programmed.
        gate_addition: of the gating network, off the chip; spikes that it counts among them.
        gate_multiplication: of the gating network.
    """

    synaptic_operation: float = UNSAID
    spike: float = UNSAID
    hop_r1: float = UNSAID
    hop_r0: float = UNSAID
    membrane_update: float = UNSAID
    write: float = UNSAID
    gate_addition: float = UNSAID
    gate_multiplication: float = UNSAID

    def __post_init__(self) -> None:
        settle(self, "energy")


@dataclass(frozen=True, kw_only=True)
class Times(Costs):
    """As ``Costs``, in time.

    Attributes:
        step: a time step, where the chip takes the same for each, whatever happens in it.
    """

    step: float = UNSAID

    def __post_init__(self) -> None:
        settle(self, "time")


@dataclass(frozen=True, kw_only=True)
class Power:
    """What is drawn all the time.

    Attributes:
        static: by the chip, whatever it does.
    """

    static: float = UNSAID

    def __post_init__(self) -> None:
        settle(self, "power")


@dataclass(frozen=True, kw_only=True)
class Units:
    """Units of the sections of the same names."""

    energy: str = ""
    time: str = ""
    power: str = ""

    def __post_init__(self) -> None:
        settle(self, "units")


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A chip in joules, seconds and watts."""

    name: str
    source: str
    units: Units = field(default_factory=Units)
    energy: Costs = field(default_factory=Costs)
    time: Times = field(default_factory=Times)
    power: Power = field(default_factory=Power)

    def __post_init__(self) -> None:
        settle(self, "")
        for section in OF_ONE:
            self._check(section)

    def _check(self, section: str) -> None:
        said = {name: value for name, value in asdict(getattr(self, section)).items() if not math.isnan(value)}
        for name, value in said.items():
            if not 0 <= value < math.inf:
                raise ValueError(f"{section}.{name} = {value} must be 0 or more; leave it out where it is not known")
        unit, allowed = getattr(self.units, section), [before + OF_ONE[section] for before in POWERS]
        if said and unit not in allowed:
            given = f"units.{section} = {shown(unit)} is unknown" if unit else f"units.{section} is missing"
            raise ValueError(f"{given}; say which [{section}] is in: {', '.join(allowed)}")


Section = TypeVar("Section", Costs, Times, Power)


def architecture(given: str) -> Architecture:
    """The architecture of a file, in joules, seconds and watts.

    Args:
        given: path of a TOML file, or the name of one that comes along.

    Raises:
        ValueError: naming the file: there is none, or an unknown key, a missing unit or a negative value is in it.
    """
    path = _path(given)
    try:
        read = build(Architecture, read_toml(path))
    except ValueError as error:
        named = str(error).startswith(str(path))
        raise ValueError(str(error) if named else f"{path}: {error}") from error
    return replace(
        read,
        units=Units(energy="J", time="s", power="W"),
        energy=_in_base(read.energy, read.units.energy),
        time=_in_base(read.time, read.units.time),
        power=_in_base(read.power, read.units.power),
    )


def _path(given: str) -> Path:
    path, shipped = Path(given).expanduser(), sorted(file.stem for file in FILES.glob("*.toml"))
    if given in shipped and not path.exists():
        return FILES / f"{given}.toml"
    if not path.is_file():
        raise ValueError(f"there is no architecture file {given}: give the path of one, or {' or '.join(shipped)}")
    return path


def _in_base(section: Section, unit: str) -> Section:
    if not unit:
        return section
    factor = POWERS[unit[:-1]]
    values = {item.name: getattr(section, item.name) * factor for item in fields(section)}
    return replace(section, **values)
