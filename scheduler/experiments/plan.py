"""What an experiment is: what its file says, and the configuration of any of its runs.

    seeds = 5                         # fields of ``ExperimentOptions``
    control = ["grown"]
    [base.training]                   # what all runs share, section by section as in the file of a run
    rounds = 10
    [axes]                            # fields that vary (``scheduler.experiments.axes``)
    "growth.births" = [1, 2, 4]
    [variants.grown]                  # named variants: fields of ``Variant``, and sections of a run
    [variants.static]
    follows = "grown"
    growth.rule = "random"
    [streams.speech]                  # named streams, and what the runs on them have besides
    stream.name = "fsdd"
    by_seed.stream.hold_out = ["theo", "lucas"]   # fields that take another value for every seed, in turn
    [[exclude]]                       # combinations that match all fields of an entry are left out
    "growth.rule" = "random"
    [[only]]                          # an axis that applies only under a condition; elsewhere its field stays as it is
    axis = "growth.births"
    when = { "growth.when" = "schedule" }

Every variant runs on every stream, with every combination of the axes and every seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from smalti.model.options.values import choices, shown
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import Section, flatten, from_mapping, merge, nested
from smalti.scheduler.experiments.axes import Axis, Value
from smalti.scheduler.experiments.conditions import Condition, Only, matches
from smalti.scheduler.experiments.options import MOST, ExperimentOptions, Variant

BY_SEED = "by_seed"
SEED = "run.seed"
UNNAMED = ""  # the only stream, or the only variant, of an experiment that names none
Values = Mapping[str, Value]


@dataclass(frozen=True)
class Cell:
    """Where a run stands: its stream, its variant and its combination of the axes."""

    stream: str = UNNAMED
    variant: str = UNNAMED
    values: Values = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The variant and its combination in few words."""
        return ", ".join([*([self.variant] if self.variant else []), *map(spelled, self.values.values())]) or "base"


@dataclass(frozen=True)
class Experiment:
    """An experiment as its file says.

    Raises:
        ValueError: it is empty, names what is not there, or has more than ``MOST`` runs.
    """

    name: str
    options: ExperimentOptions = field(default_factory=ExperimentOptions)
    base: Section = field(default_factory=dict)
    axes: tuple[Axis, ...] = ()
    variants: Mapping[str, Variant] = field(default_factory=lambda: {UNNAMED: Variant()})
    sections: Mapping[str, tuple[Section, ...]] = field(
        default_factory=lambda: {UNNAMED: ()}
    )  # those of whom it is like first
    streams: Mapping[str, Section] = field(default_factory=lambda: {UNNAMED: {}})
    exclude: tuple[Condition, ...] = ()
    only: tuple[Only, ...] = ()
    file: str = ""  # where it was read, for messages

    def __post_init__(self) -> None:
        self._check_size(max(1, self.options.samples), "samples")
        if not self.axes and not self.options.seeds and len(self.variants) * len(self.streams) < 2:
            raise ValueError("the experiment is empty: give [axes], [variants.NAME], [streams.NAME] or seeds")
        if self.options.seeds and any(axis.field == SEED for axis in self.axes):
            raise ValueError(f'seeds and axes."{SEED}" say the same; give one of them')
        for entry in self.only:
            if entry.axis not in self.axis_fields:
                raise ValueError(f"only: axis = {entry.axis!r} is no axis; {choices(entry.axis, self.axis_fields)}")
            if entry.axis in entry.when:
                raise ValueError(f"only: {entry.axis!r} cannot depend on itself")
        self._check_variants()

    def _check_size(self, combinations: int, named: str) -> None:
        """Multiply before anything is listed."""
        streams, variants, seeds = len(self.streams), len(self.variants), max(1, self.options.seeds)
        if (runs := streams * variants * combinations * seeds) > MOST:
            counts = {"streams": streams, "variants": variants, named: combinations, "seeds": seeds}
            product = " x ".join(f"{count:,} {name}" for name, count in counts.items() if count > 1)
            raise ValueError(f"the experiment has {runs:,} runs ({product}), more than {MOST:,}; take fewer")

    def check_grid(self) -> None:
        """Whether every combination of the axes can be run.

        Raises:
            ValueError: an axis has any number of values, or there are more than ``MOST`` runs.
        """
        self._check_size(math.prod(axis.count for axis in self.axes), "combinations of axes (or draw samples)")

    def _check_variants(self) -> None:
        for name in filter(None, (*self.options.control, self.options.static)):
            if self.named_variants and name not in self.variants:
                raise ValueError(f"{name!r} is to be compared with and is no variant; {choices(name, self.variants)}")
        for name, variant in self.variants.items():
            for kind in ("follows", "runs_of"):
                other = getattr(variant, kind)
                if other and (
                    other not in self.variants or self.variants[other].follows or self.variants[other].runs_of
                ):
                    raise ValueError(f"variants.{name}.{kind} = {other!r} must name a variant with runs of its own")
            if variant.same_compute and not variant.follows:
                raise ValueError(f"variants.{name}.same_compute goes with follows: whose compute is it to have?")
            if unknown := set(variant.streams) - set(self.streams):
                raise ValueError(f"variants.{name}.streams: {sorted(unknown)} are none of {', '.join(self.streams)}")

    def control_of(self, cell: Cell, control: str) -> str:
        """Label of what a cell is compared with: the control in the same combination, or a combination by its label."""
        return replace(cell, variant=control).label if self.named_variants else control

    @property
    def named_variants(self) -> bool:
        """Whether the file names variants."""
        return set(self.variants) != {UNNAMED}

    @property
    def axis_fields(self) -> tuple[str, ...]:
        """Fields that the axes vary."""
        return tuple(axis.field for axis in self.axes)

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that vary, the seed among them."""
        return (*self.axis_fields, *((SEED,) if self.options.seeds else ()))

    @property
    def seeds(self) -> Sequence[int | None]:
        """Seeds that every combination is run with; None leaves it as it is."""
        first = self.options.first_seed
        return range(first, first + self.options.seeds) or (None,)

    @property
    def threads(self) -> int:
        """Most threads that a run takes."""
        given = [self.config(place).run.threads for place in self.places()]
        given += [int(str(value)) for axis in self.axes if axis.field == "run.threads" for value in axis.grid()]
        return max(given)

    def places(self) -> list[Cell]:
        """Every variant on every stream that it is run on, the axes left open."""
        return [
            Cell(stream, name)
            for stream in self.streams
            for name, variant in self.variants.items()
            if not variant.streams or stream in variant.streams
        ]

    def shortened(self) -> Experiment:
        """The same in minutes, to see whether it runs: quick runs, two seeds at most."""
        options = replace(self.options, seeds=min(self.options.seeds, 2))
        return replace(self, options=options, base=merge(self.base, {"run": {"quick": True}}))

    def only_some(self, streams: Sequence[str], variants: Sequence[str], seeds: int | None) -> Experiment:
        """A part: these streams and variants (empty: all), so many seeds (None: as the file says).

        Controls come along, and variants whose runs others read or follow.

        Raises:
            ValueError: for names that are not in the file, and for less than one seed.
        """
        if seeds is not None and seeds < 1:
            raise ValueError(f"--seeds {seeds} must be at least 1; leave it out to take the file's number")
        for given, there in ((streams, self.streams), (variants, self.variants)):
            if unknown := [name for name in given if name not in there]:
                raise ValueError(f"{unknown[0]!r} is not in this experiment; {choices(unknown[0], there)}")
        names = set(variants or self.variants)
        if variants:
            names |= {*self.options.control, *filter(None, [self.options.static])} & set(self.variants)
        for name in list(names):
            names |= {other for other in (self.variants[name].follows, self.variants[name].runs_of) if other}
        chosen = {name: section for name, section in self.streams.items() if name in (streams or self.streams)}
        left = {
            name: replace(variant, streams=tuple(s for s in variant.streams if s in chosen))
            for name, variant in self.variants.items()
            if name in names and (not variant.streams or set(variant.streams) & set(chosen))
        }
        options = self.options if seeds is None else replace(self.options, seeds=seeds)
        return replace(self, options=options, streams=chosen, variants=left)

    def applied(self, place: Cell, values: Values) -> Values:
        """A combination without the axes that do not apply to it: conditions are asked in the order of the file."""
        left = dict(values)
        for entry in self.only:
            if entry.axis in left:
                others = {name: value for name, value in left.items() if name != entry.axis}
                if not matches(flatten(self.config(replace(place, values=others))), entry.when):
                    left = others
        return left

    def excluded(self, cell: Cell) -> bool:
        """Whether a combination is left out."""
        return bool(self.exclude) and any(matches(flatten(self.config(cell)), entry) for entry in self.exclude)

    def config(self, cell: Cell, seed: int | None = None) -> Config:
        """Configuration of a run, as given; births that it follows are not in it yet.

        Raises:
            ValueError: naming stream, variant and combination.
        """
        variant = self.variants[cell.variant]
        own: Section = nested(cell.values)
        if seed is not None:
            own = merge(own, {"run": {"seed": seed}})
        if variant.follows:
            own = merge(own, {"growth": {"birth_record_at": variant.births}})
        parts = (self.base, self.streams[cell.stream], *self.sections[cell.variant])
        try:
            return from_mapping(Config, merge(*(_of_seed(part, seed or 0) for part in parts), own))
        except ValueError as error:
            raise ValueError(f"{self.where(cell)} cannot be run: {error}") from error

    @contextmanager
    def named(self) -> Iterator[None]:
        """Errors name the file."""
        try:
            yield
        except ValueError as error:
            raise ValueError(f"{self.file}: {error}" if self.file else str(error)) from error

    def where(self, cell: Cell) -> str:
        """A cell in words."""
        named = [f"variant {cell.variant!r}"] * bool(cell.variant) + [f"stream {cell.stream!r}"] * bool(cell.stream)
        return ", ".join([*named, *([f"the combination {spell(cell.values)}"] if cell.values or not named else [])])


def _of_seed(section: Section, seed: int) -> Section:
    """A section with, of every list in its ``by_seed``, the seed's value, in turn."""

    def chosen(lists: Section) -> dict[str, object]:
        section: dict[str, object] = {}
        for name, values in lists.items():
            if isinstance(values, Mapping):
                section[name] = chosen(values)
            elif isinstance(values, list) and values:
                section[name] = values[seed % len(values)]
            else:
                raise ValueError(f"by_seed: {name} = {shown(values)} must be a list, a value for each seed in turn")
        return section

    plain = {name: value for name, value in section.items() if name != BY_SEED}
    lists = section.get(BY_SEED, {})
    if not isinstance(lists, Mapping):
        raise ValueError(f"by_seed = {shown(lists)} must be a section of fields, each with a list of values")
    return merge(plain, chosen(lists))


def spell(values: Values) -> str:
    """A combination in words."""
    return ", ".join(f"{name} = {value!r}" for name, value in values.items()) or "without axes"


def spelled(value: object) -> str:
    """A value of a field, in few characters."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
