"""What a sweep is to run: a file, and the trials that it stands for.

[sweep]                           how combinations are made (``SweepOptions``)
seeds = 3
[[sweep.exclude]]                 combinations that match all fields of an entry are left out; a list means any of these
"growth.rule" = "random"
"growth.when" = ["never", "plateau"]
[[sweep.only]]                    an axis that applies only under a condition; elsewhere its field is as the base says
axis = "growth.births"
when = { "growth.when" = "schedule" }
[axes]                            what varies (``scheduler.sweeping.axes``)
"growth.rule" = ["random", "gradmax_whitened"]
[base.training]                   what all runs share, section by section as in the file of a run
rounds = 10

Trials are named by what they are: the same configuration is the same folder, whatever the file says besides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from smalti.model.option_values import choices
from smalti.scheduler.config import Config
from smalti.scheduler.config_io import Section, flatten, from_mapping, merge, read_toml
from smalti.scheduler.sweeping.axes import Axis, Value, nested, read_axis
from smalti.scheduler.sweeping.options import SweepOptions

NAME_LENGTH = 12
SEED = "run.seed"
Condition = Mapping[str, Value]
Values = Mapping[str, Value]


@dataclass(frozen=True)
class Trial:
    """One run of a sweep."""

    name: str
    config: Config
    values: Values  # of the fields that vary, as resolved
    number: int = -1  # in an adaptive search


@dataclass(frozen=True)
class Only:
    """An axis that applies under a condition."""

    axis: str
    when: Condition


@dataclass(frozen=True)
class Sweep:
    """A sweep as its file says."""

    name: str
    options: SweepOptions
    axes: tuple[Axis, ...]
    base: Section = field(default_factory=dict)
    exclude: tuple[Condition, ...] = ()
    only: tuple[Only, ...] = ()

    def __post_init__(self) -> None:
        if not self.axes and not self.options.seeds:
            raise ValueError("the sweep is empty: give values to vary in [axes], or sweep.seeds")
        if self.options.seeds and SEED in self.fields[:-1]:
            raise ValueError(f'sweep.seeds and axes."{SEED}" say the same; give one of them')
        for entry in self.only:
            if entry.axis not in self.fields:
                raise ValueError(f"sweep.only: axis = {entry.axis!r} is no axis; {choices(entry.axis, self.fields)}")
            if entry.axis in entry.when:
                raise ValueError(f"sweep.only: {entry.axis!r} cannot depend on itself")

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that vary."""
        return (*(axis.field for axis in self.axes), *((SEED,) if self.options.seeds else ()))

    @property
    def seeds(self) -> tuple[int | None, ...]:
        """Seeds that every combination is run with; None leaves it as it is."""
        first = self.options.first_seed
        return tuple(range(first, first + self.options.seeds)) or (None,)

    @property
    def threads(self) -> int:
        """Most threads that a run takes."""
        given = [from_mapping(Config, self.base).run.threads]
        given += [int(str(value)) for axis in self.axes if axis.field == "run.threads" for value in axis.grid()]
        return max(given)

    def shortened(self) -> Sweep:
        """The same with quick runs."""
        return replace(self, base=merge(self.base, {"run": {"quick": True}}))

    def applied(self, values: Values) -> Values:
        """A combination without the axes that do not apply to it: conditions are asked in the order of the file."""
        left = dict(values)
        for entry in self.only:
            if entry.axis in left:
                others = {name: value for name, value in left.items() if name != entry.axis}
                if not matches(flatten(self.config(others)), entry.when):
                    left = others
        return left

    def excluded(self, values: Values) -> bool:
        """Whether a combination is left out."""
        return bool(self.exclude) and any(matches(flatten(self.config(values)), entry) for entry in self.exclude)

    def config(self, values: Values) -> Config:
        """Configuration of a combination, as given.

        Raises:
            ValueError: naming the combination.
        """
        try:
            return from_mapping(Config, merge(self.base, nested(values)))
        except ValueError as error:
            raise ValueError(f"the combination {spell(values)} cannot be run: {error}") from error

    def trial(self, values: Values, number: int = -1) -> Trial:
        """The run of a combination."""
        config = self.config(values).resolved()
        flat = flatten(config)
        return Trial(name_of(config), config, {name: flat[name] for name in self.fields}, number)

    def seeded(self, values: Values, number: int = -1) -> list[Trial]:
        """The runs of a combination, one for each seed."""
        return [self.trial({**values, **({} if s is None else {SEED: s})}, number) for s in self.seeds]


def name_of(config: Config) -> str:
    """Name of a trial: a hash of all that its results depend on."""
    return hashlib.sha256(json.dumps(flatten(config), sort_keys=True).encode()).hexdigest()[:NAME_LENGTH]


def spell(values: Values) -> str:
    """A combination in words."""
    return ", ".join(f"{name} = {value!r}" for name, value in values.items()) or "without axes"


def matches(flat: Mapping[str, Value], condition: Condition) -> bool:
    """Whether a configuration has all the values of a condition."""
    return all(_is(flat[name], wanted) for name, wanted in condition.items())


def load_sweep(path: Path) -> Sweep:
    """Read a sweep.

    Raises:
        ValueError: naming the file and what is wrong in it.
    """
    data = read_toml(path)
    if unknown := data.keys() - {"sweep", "axes", "base"}:
        raise ValueError(f"{path}: {sorted(unknown)} are unknown; a sweep has [sweep], [axes] and [base]")
    try:
        for section in ("sweep", "axes", "base"):
            if not isinstance(data.get(section, {}), Mapping):
                raise ValueError(f"{section} = {data[section]!r} must be a section [{section}]")
        told = dict(data.get("sweep", {}))
        exclude, only = told.pop("exclude", []), told.pop("only", [])
        from_mapping(Config, data.get("base", {}))
        return Sweep(
            path.stem,
            from_mapping(SweepOptions, told),
            tuple(read_axis(name, given) for name, given in _dotted(data.get("axes", {})).items()),
            data.get("base", {}),
            tuple(_condition("sweep.exclude", entry) for entry in _entries("sweep.exclude", exclude)),
            tuple(_only(entry) for entry in _entries("sweep.only", only)),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _dotted(section: Mapping[str, Value]) -> dict[str, Value]:
    """Axes by dotted name, whether the file has it in quotes, as a path of keys, or in a section [axes.growth]."""
    found: dict[str, Value] = {}
    for name, value in section.items():
        if isinstance(value, Mapping) and not {"low", "high"} & value.keys():
            found |= {f"{name}.{inner}": item for inner, item in _dotted(value).items()}
        else:
            found[name] = value
    return found


def _entries(name: str, given: object) -> Sequence[Mapping[str, Value]]:
    if not isinstance(given, list) or not all(isinstance(entry, Mapping) and entry for entry in given):
        raise ValueError(f"{name} must be entries [[{name}]] with at least one field each")
    return given


def _condition(where: str, given: object) -> Condition:
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f"{where} = {given!r} must name fields and their values")
    found, usual = _dotted(given), flatten(Config())
    for name, wanted in found.items():
        if name not in usual:
            raise ValueError(f'{where}: there is no field "{name}"; {choices(name, usual)}')
        for value in _alternatives(usual[name], wanted):
            from_mapping(Config, nested({name: value}))  # raises where the field cannot have that value
    return found


def _only(given: Mapping[str, Value]) -> Only:
    if given.keys() != {"axis", "when"}:
        raise ValueError(f"sweep.only has {sorted(given)}; give axis and when")
    return Only(str(given["axis"]), _condition("sweep.only.when", given["when"]))


def _alternatives(held: Value, wanted: Value) -> Sequence[Value]:
    """Values of which a field is to have one: those of a list, unless the field itself holds a list."""
    if not isinstance(wanted, list):
        return (wanted,)
    return wanted if not isinstance(held, tuple) or all(isinstance(one, list) for one in wanted) else (wanted,)


def _is(held: Value, wanted: Value) -> bool:
    plain = _listed(held)
    return any(
        plain == _listed(one) and isinstance(held, bool) == isinstance(one, bool) for one in _alternatives(held, wanted)
    )


def _listed(value: Value) -> Value:
    return [_listed(item) for item in value] if isinstance(value, tuple | list) else value
