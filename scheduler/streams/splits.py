"""Cuts a data set into train, validation and test, and into experiences. Knows nothing of files and spikes.

The split depends on labels, domains, given parts, shares and `split_seed` only: it is the same in all
settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.types import PARTS, Experience, Ints, Loaded, Samples, Stream

NAMED = 20  # of a list in a message
Rows = dict[str, Ints]  # part -> positions in the data set, ascending


def split(loaded: Loaded, options: StreamOptions) -> Rows:
    """Disjoint rows of the three parts, stratified by class and, within a class, by domain.

    Raises:
        ValueError: if a class has no sample in one of the parts.
    """
    given = np.full(len(loaded.y), "train") if loaded.part is None else loaded.part
    part = given.astype("<U10")
    for label in range(len(loaded.class_names)):
        random = np.random.default_rng(np.random.SeedSequence(options.split_seed, spawn_key=(label,)))
        rows = _by_domain(loaded, np.flatnonzero(loaded.y == label), random)
        total = int(np.sum(part[rows] == "train"))
        for name, share in (("test", options.test), ("validation", options.validation)):
            if name not in given:
                train = rows[part[rows] == "train"]
                part[_spread(train, min(max(1, round(share * total)), len(train)), random)] = name
        _check_parts(loaded, label, part[rows])
        if options.limit:
            _keep(rows, part, options.limit, random)
    return {name: np.flatnonzero(part == name) for name in PARTS}


def training(loaded: Loaded, options: StreamOptions) -> NDArray[np.bool_]:
    """Which samples [S] will train, whatever ``limit`` keeps of them: readers that learn scales look at those alone.

    Raises:
        ValueError: if a class has no sample in one of the parts, or there is no domain to be held out.
    """
    if options.hold_out:
        loaded = hold_out(loaded, options.hold_out)
    mask = np.zeros(len(loaded.y), dtype=np.bool_)
    mask[split(loaded, replace(options, limit=0))["train"]] = True
    return mask


def hold_out(loaded: Loaded, name: str) -> Loaded:
    """The data with all samples of one domain as the test part; no other sample is, whatever its part was before.

    Raises:
        ValueError: if there is no domain of that name.
    """
    if loaded.domain is None:
        raise ValueError(
            f"stream.hold_out = {name!r} names a speaker or another domain, and {loaded.origin} has none; take "
            "fsdd, or arrays with an array `task`"
        )
    if name not in loaded.domain_names:
        raise ValueError(
            f"stream.hold_out = {name!r} is not in {loaded.origin}; take one of {listed(loaded.domain_names)}"
        )
    held = loaded.domain == loaded.domain_names.index(name)
    given = np.full(len(held), "train") if loaded.part is None else loaded.part
    part = np.where(held, "test", np.where(given == "validation", "validation", "train"))
    note = f"{name} held out: all {held.sum()} samples are the test part, those of the others train and validate"
    return replace(loaded, part=part, notes=(*loaded.notes, note))


def experiences(loaded: Loaded, samples: Samples, parts: Rows, options: StreamOptions) -> tuple[Experience, ...]:
    """The experiences of the setting; `samples` are all samples of the data set, in its order.

    Raises:
        ValueError: if the setting does not fit the data.
    """
    everything = tuple(range(len(loaded.class_names)))
    groups: list[tuple[str, tuple[int, ...], NDArray[np.bool_]]]
    if options.setting == "joint":
        groups = [("joint", everything, np.ones(len(samples), dtype=np.bool_))]
    elif options.setting == "domain":
        groups = [(name, everything, member) for name, member in _domain_members(loaded, options).items()]
    else:
        sets = _task_sets(loaded) if loaded.tasks else _class_sets(loaded, options.classes_per_task, options.base)
        names = loaded.class_names
        groups = [("|".join(names[c] for c in labels), labels, np.isin(loaded.y, labels)) for labels in sets]
    result = []
    for task, (name, labels, member) in enumerate(groups):
        cut = {part: rows[member[rows]] for part, rows in parts.items()}
        if options.shots and task:
            few = (part for part in ("train", "validation") if len(cut[part]))
            cut |= {part: _few(loaded.y, cut[part], options.shots, options) for part in few}
        for part, rows in cut.items():
            if not len(rows):
                cure = "raise stream.limit" if options.limit else f"give it more samples, or mark some as {part}"
                raise ValueError(f"{loaded.origin}: experience {name} has no {part} samples; {cure}")
        train, validation, test = (samples.select(cut[part]) for part in PARTS)
        result.append(Experience(task, name, labels, train, validation, test))
    return tuple(result)


def ordered(tasks: tuple[Experience, ...], order: tuple[int, ...]) -> tuple[Experience, ...]:
    """The experiences as ``order`` names their tasks; a task that returns is the same object. Empty: as they are.

    Raises:
        ValueError: a number in ``order`` is no task.
    """
    unknown = [task for task in order if task >= len(tasks)]
    if unknown:
        raise ValueError(
            f"stream.order = {list(order)} names task {unknown[0]}, but there are {len(tasks)}, from 0 on; take those"
        )
    return tuple(tasks[task] for task in order) or tasks


def in_order(stream: Stream, options: StreamOptions, chance: np.random.Generator) -> Stream:
    """The stream with its experiences as they are to come: shuffled, and some of them again, if that is asked for."""
    if options.shuffle:
        stream = linked(stream, chance) if stream.factors and options.two_factor.linked else shuffled(stream, chance)
    return returning(stream, options.returns, chance) if options.returns else stream


def shuffled(stream: Stream, chance: np.random.Generator) -> Stream:
    """The stream with its experiences in a random order; tasks keep their numbers."""
    order = chance.permutation(len(stream.experiences))
    return replace(stream, experiences=tuple(stream.experiences[k] for k in order))


def linked(stream: Stream, chance: np.random.Generator) -> Stream:
    """As ``shuffled``, each experience after the first sharing a factor with one before it; tasks keep their numbers.

    The next one is drawn among all that share one; where none does, among all that are left.
    """
    left = [stream.experiences[k] for k in chance.permutation(len(stream.experiences))]
    course, known = list[Experience](), (set[int](), set[int]())
    while left:
        shares = [e for e in left if any(f in own for f, own in zip(stream.factors[e.task], known, strict=True))]
        course.append((shares or left)[0])
        left = [e for e in left if e is not course[-1]]
        for factor, own in zip(stream.factors[course[-1].task], known, strict=True):
            own.add(factor)
    return replace(stream, experiences=tuple(course))


def returning(stream: Stream, share: float, chance: np.random.Generator) -> Stream:
    """The stream with a share of its experiences once more, somewhere after they came; not next to it if possible."""
    course = list(stream.experiences)
    for k in chance.choice(len(course), round(share * len(course)), replace=False):
        again = stream.experiences[k]
        earliest = min(course.index(again) + 2, len(course))
        course.insert(int(chance.integers(earliest, len(course) + 1)), again)
    return replace(stream, experiences=tuple(course))


def listed(names: Sequence[str]) -> str:
    """Names for a message, the first few."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _by_domain(loaded: Loaded, rows: Ints, random: np.random.Generator) -> Ints:
    """The rows shuffled, then sorted by domain: evenly spaced picks take from every domain in proportion."""
    rows = random.permutation(rows)
    return rows if loaded.domain is None else rows[np.argsort(loaded.domain[rows], kind="stable")]


def _spread(rows: Ints, count: int, random: np.random.Generator) -> Ints:
    """`count` of the rows, evenly spaced from a random start."""
    places = (np.arange(count) + random.random()) * (len(rows) / max(count, 1))
    return rows[places.astype(np.int64)]


def _check_parts(loaded: Loaded, label: int, part: NDArray[np.str_]) -> None:
    counts = {name: int(np.sum(part == name)) for name in PARTS}
    missing = [name for name, count in counts.items() if not count]
    if missing:
        raise ValueError(
            f"{loaded.origin}: class {loaded.class_names[label]} has {len(part)} samples and none of them "
            f"in the part {missing[0]}; give it at least one each to train, validate, test, or hold out less"
        )


def _keep(rows: Ints, part: NDArray[np.str_], limit: int, random: np.random.Generator) -> None:
    """Leaves `limit` rows of a class in their parts, in proportion, at least one each; part "" for others."""
    if len(rows) <= limit:
        return
    groups = {name: rows[part[rows] == name] for name in PARTS}
    left = limit
    for name, later in (
        ("validation", 2),
        ("test", 1),
        ("train", 0),
    ):  # later: parts that still want a sample
        group = groups[name]
        count = left if name == "train" else max(1, limit * len(group) // len(rows))
        count = min(count, left - later, len(group))
        part[np.setdiff1d(group, _spread(group, count, random))] = ""
        left -= count


def _domain_members(loaded: Loaded, options: StreamOptions) -> dict[str, NDArray[np.bool_]]:
    """Which samples [S] belong to the experience of each domain.

    One that is held out has no experience of its own: all of its samples are the test part of every experience.
    """
    domain = _domains(loaded)
    held = np.zeros(len(domain), dtype=np.bool_)
    members = {name: domain == code for code, name in enumerate(loaded.domain_names)}
    if options.hold_out and options.transform == "none":
        held = members.pop(options.hold_out)
    return {name: member | held for name, member in members.items()}


def _domains(loaded: Loaded) -> Ints:
    if loaded.domain is None:
        raise ValueError(
            f"{loaded.origin}: stream.setting = 'domain' needs a domain for every sample (a speaker of fsdd, the array "
            "`task` of an .npz), and there is none; take setting class, task or joint, or make domains with "
            "stream.transform"
        )
    for code, name in enumerate(loaded.domain_names):
        missing = np.setdiff1d(loaded.y, loaded.y[loaded.domain == code])
        if len(missing):
            apart = "" if _pairs(loaded) > len(loaded.class_names) else ", or take setting class or task"
            raise ValueError(
                f"{loaded.origin}: domain {name} has no sample of class {loaded.class_names[missing[0]]}; in "
                f"setting domain all share the same classes: add some, leave that class or domain out{apart}, or take "
                "setting joint"
            )
    return loaded.domain


def _class_sets(loaded: Loaded, size: int, base: int) -> list[tuple[int, ...]]:
    """Consecutive groups of `size` classes, the first one of `base` classes where that is not 0."""
    classes = len(loaded.class_names)
    first = base or size
    if first > classes:
        name = "base" if base else "classes_per_task"
        raise ValueError(f"stream.{name} = {first}, but {loaded.origin} has {classes} classes; give at most that")
    if (classes - first) % size == 1:
        fit = listed([str(k) for k in range(2, classes + 1) if classes % k != 1])
        cure = f"take stream.base = {first + 1}" if base else f"take one of {fit}"
        raise ValueError(
            f"stream.classes_per_task = {size} leaves a single one of the {classes} classes of "
            f"{loaded.origin} to the last experience; {cure}, or say which classes belong together: "
            "`arrays` and smalti.data take an array task [samples] (experiences may have different sizes then)"
        )
    later = (tuple(range(begin, min(begin + size, classes))) for begin in range(first, classes, size))
    return [tuple(range(first)), *later]


def _few(y: Ints, rows: Ints, shots: int, options: StreamOptions) -> Ints:
    """At most so many of the rows [R] of each class, drawn by ``split_seed`` whatever else there is."""
    kept = []
    for label in np.unique(y[rows]).tolist():
        random = np.random.default_rng(np.random.SeedSequence(options.split_seed, spawn_key=(label, shots)))
        mine = rows[y[rows] == label]
        kept.append(random.permutation(mine)[:shots])
    return np.sort(np.concatenate(kept))


def _task_sets(loaded: Loaded) -> list[tuple[int, ...]]:
    """The label sets of the user's own tasks."""
    assert loaded.domain is not None
    sets: list[tuple[int, ...]] = []
    owner: dict[int, str] = {}
    for code, name in enumerate(loaded.domain_names):
        labels = tuple(int(label) for label in np.unique(loaded.y[loaded.domain == code]))
        if len(labels) < 2:
            raise ValueError(
                f"{loaded.origin}: task {name} holds a single class; give every task at least 2, or take setting joint"
            )
        for label in labels:
            if label in owner:
                complete = _pairs(loaded) == len(loaded.domain_names) * len(loaded.class_names)
                setting = "domain" if complete else "joint"
                raise ValueError(
                    f"{loaded.origin}: class {loaded.class_names[label]} occurs in the tasks {owner[label]} "
                    f"and {name}; give it to one of them, or take setting {setting} for shared classes, or leave the "
                    "array task out: stream.classes_per_task then shares classes out"
                )
            owner[label] = name
        sets.append(labels)
    return sets


def _pairs(loaded: Loaded) -> int:
    """How many pairs of a domain and a class have samples."""
    assert loaded.domain is not None
    return len(np.unique(loaded.domain * len(loaded.class_names) + loaded.y))
