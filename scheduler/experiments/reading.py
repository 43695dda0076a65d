"""Reads the file of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from smalti.model.options.values import choices, shown
from smalti.scheduler.configuration.config_io import Section, from_mapping, merge, read_toml
from smalti.scheduler.experiments.axes import Value, dotted, read_axis
from smalti.scheduler.experiments.conditions import entries, read_condition, read_only
from smalti.scheduler.experiments.options import ExperimentOptions, Variant
from smalti.scheduler.experiments.plan import BY_SEED, UNNAMED, Experiment
from smalti.scheduler.streams.made_options import SequenceOptions, TwoFactorOptions
from smalti.scheduler.streams.tasks import sequence, two_factor

FILES = Path(__file__).with_name("files")
EXAMPLE = FILES / "example.toml"
SECTIONS = ("base", "axes", "variants", "streams", BY_SEED)
MADE_OF = {sequence.NAME: ("sequence", SequenceOptions.of), two_factor.NAME: ("two_factor", TwoFactorOptions.of)}
"""Streams that are made of another's samples: section of their options, and the one of which they are usually."""
OLD = {
    "sweep": "its fields stand at the top of the file now, [[sweep.exclude]] is [[exclude]], [[sweep.only]] [[only]]",
    "benchmark": "its fields stand at the top of the file now",
    "methods": "[methods.NAME] is called [variants.NAME] now",
    "settings": "[settings.NAME] is called [streams.NAME] now",
    "compare": "rules, placements and timings are [axes] or [variants.NAME] now, like those of `smalti compare growth`",
}
"""Sections of older versions, and what to write instead."""


def find_file(name: str) -> Path:
    """The file of an experiment: a path, or the name of one that comes with smalti.

    Raises:
        ValueError: there is neither, with the names there are.
    """
    path, shipped = Path(name), FILES / f"{name}.toml"
    if path.exists() or not shipped.exists():
        if path.exists():
            return path
        there = choices(name, sorted(file.stem for file in FILES.glob("*.toml")))
        raise ValueError(f"there is no file {name}; give one, or the name of an experiment that comes along: {there}")
    return shipped


def load_experiment(path: Path, data_paths: Mapping[str, str] | None = None) -> Experiment:
    """Read an experiment.

    Args:
        path: the file.
        data_paths: stream.name -> where its data lie; empty leaves out the named streams that need them, unless the
            file says where they are.

    Raises:
        ValueError: naming the file and what is wrong in it.
    """
    data = read_toml(path)
    try:
        return replace(_read(path.stem, data, data_paths or {}), file=str(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _read(name: str, data: dict[str, Value], data_paths: Mapping[str, str]) -> Experiment:
    plain = {f.name for f in fields(ExperimentOptions)}
    known = (*plain, *SECTIONS, "exclude", "only")
    for key in data:
        if key in OLD:
            raise ValueError(f"{key}: {OLD[key]} (docs/sweeps.md)")
        if key not in known:
            raise ValueError(f"{key} is unknown; {choices(key, known)}")
    for section in SECTIONS:
        if not isinstance(data.get(section, {}), Mapping):
            raise ValueError(f"{section} = {shown(data[section])} must be a section [{section}]")
    options = {key: value for key, value in data.items() if key in plain}
    if isinstance(options.get("control"), str):
        options["control"] = [options["control"]]
    base = merge(_section(data, "base"), {BY_SEED: _section(data, BY_SEED)} if BY_SEED in data else {})
    variants, sections = _variants(_section(data, "variants"))
    named = _named("streams", _section(data, "streams"))
    every = {UNNAMED: {}} if not named else _located(named, base, data_paths)
    if named and not every:
        raise ValueError(f"the data of its streams ({', '.join(named)}) are not here; say where, such as --fsdd FILE")
    experiment = Experiment(
        name,
        from_mapping(ExperimentOptions, options),
        base,
        tuple(read_axis(axis, given) for axis, given in dotted(_section(data, "axes")).items()),
        variants,
        sections,
        {**named, **every} if named else every,
        tuple(read_condition("exclude", entry) for entry in entries("exclude", data.get("exclude", []))),
        tuple(read_only(entry) for entry in entries("only", data.get("only", []))),
    )
    experiment = experiment.only_some(tuple(every), (), None) if named else experiment
    for place in experiment.places():
        experiment.config(place)
    return experiment


def _section(data: Mapping[str, Value], name: str) -> Section:
    section = data.get(name, {})
    assert isinstance(section, Mapping)
    return section


def _named(kind: str, given: Section) -> Section:
    for name, section in given.items():
        if not isinstance(section, Mapping):
            raise ValueError(f"{kind}.{name} = {shown(section)} must be a section [{kind}.{name}]")
    return given


def _variants(given: Section) -> tuple[Mapping[str, Variant], Mapping[str, tuple[Section, ...]]]:
    if not given:
        return {UNNAMED: Variant()}, {UNNAMED: ()}
    own = {f.name for f in fields(Variant)}
    variants, sections = dict[str, Variant](), dict[str, Section]()
    for name, section in _named("variants", given).items():
        try:
            variants[name] = from_mapping(Variant, {key: value for key, value in section.items() if key in own})
        except ValueError as error:
            raise ValueError(f"variants.{name}.{error}") from error
        sections[name] = {key: value for key, value in section.items() if key not in own}
    return variants, {name: tuple(sections[one] for one in _line(name, variants)) for name in variants}


def _line(name: str, variants: Mapping[str, Variant]) -> list[str]:
    """A variant, before it whom it is like, before that one whom it is like, and so on.

    Raises:
        ValueError: there is no such variant, or one is like itself in the end.
    """
    line = [name]
    while like := variants[line[0]].like:
        if like not in variants:
            raise ValueError(f"variants.{line[0]}.like = {like!r}: {choices(like, variants)}")
        if like in line:
            raise ValueError(f"variants.{name}.like leads back to {like!r}: {' -> '.join(reversed(line))}")
        line.insert(0, like)
    return line


def _located(streams: Section, base: Section, data_paths: Mapping[str, str]) -> dict[str, Section]:
    """The streams whose data is there, with its path."""
    located = {}
    for name, section in streams.items():
        options = merge(base, section).get("stream", {})
        if not isinstance(options, Mapping):
            raise ValueError(f"streams.{name}.stream = {shown(options)} must be a section [streams.{name}.stream]")
        place = data_paths.get(_source(options))
        if place:
            located[name] = merge(section, {"stream": {"path": place}})
        elif place is None or options.get("path"):
            located[name] = section
    return located


def _source(options: Section) -> str:
    """Name of the stream whose data are read: the one that is played, where a stream is made of another's samples."""
    name = str(options.get("name", ""))
    section, usual = MADE_OF.get(name, ("", name))
    of = options.get(section, {}) if section else {}
    return str(of.get("of", usual) if isinstance(of, Mapping) else "")
