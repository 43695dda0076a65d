"""Recordings of event cameras, binned in time and kept with their pixels and polarities.

`stream.path` is a folder or a zip:

- a folder for every class, in it a file for every recording (``event_files`` says which are read); if these folders lie
  in others called Train and Test (and Valid), those are the parts. So N-MNIST is published; or
- DVS-Gesture as it is published (A. Amir and others, CVPR 2017): user01_fluorescent.aedat beside
  user01_fluorescent_labels.csv (class, startTime_usec, endTime_usec), and trials_to_train.txt and trials_to_test.txt.

Every recording is cut into equal time steps, from its first event to its last, or to ``window_ms`` after its first. A
channel (a pixel of one polarity) fires in a step in which it has an event. One recording is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.spikes import event_files, tree
from smalti.scheduler.streams.readers.spikes.event_files import Events
from smalti.scheduler.streams.spikes.packed import Packer
from smalti.scheduler.streams.types import Ints, Loaded

STEPS = 25
WHAT = "a folder or zip of event recordings, in a folder a class, or DVS-Gesture as it is published"
LABELS = "_labels.csv"
LISTS = {"train": "trials_to_train.txt", "test": "trials_to_test.txt"}
PARTS = {"train": "train", "test": "test", "valid": "validation", "validation": "validation"}
CURE = "set stream.events.block higher, or stream.steps lower"
MOST_LABELS = 100_000  # in a file


@dataclass(frozen=True)
class Recording:
    """One sample: a file, or the time between two moments in it (microseconds; 0 and 0: all)."""

    name: str
    label: str
    part: str
    first: int = 0
    end: int = 0


@dataclass(frozen=True)
class Sensor:
    """Pixels in blocks, each of which is a channel of every polarity that is kept apart."""

    width: int
    height: int
    block: int  # side, in pixels
    planes: int  # polarities: 2, or 1 for both together

    @property
    def rows(self) -> int:
        """Of blocks."""
        return -(-self.height // self.block)

    @property
    def columns(self) -> int:
        """Of blocks."""
        return -(-self.width // self.block)

    @property
    def channels(self) -> int:
        """I."""
        return self.planes * self.rows * self.columns

    def holding(self, events: Events) -> Sensor:
        """The least that has all pixels of this one and of these events."""
        width, height = max(self.width, int(events.x.max()) + 1), max(self.height, int(events.y.max()) + 1)
        return replace(self, width=width, height=height)

    def channel(self, events: Events) -> Ints:
        """Where every event belongs [E]."""
        plane = events.p if self.planes == 2 else 0
        return np.asarray((plane * self.rows + events.y // self.block) * self.columns + events.x // self.block)

    def places_of(self, smaller: Sensor) -> Ints:
        """The channels of a smaller sensor among those of this one [I of that]."""
        here = np.arange(self.channels).reshape(self.planes, self.rows, self.columns)
        return here[:, : smaller.rows, : smaller.columns].reshape(-1)


def load_events(options: StreamOptions) -> Loaded:
    """Reads all recordings at `options.path`.

    Raises:
        ValueError: naming the file that is unfit, and the cure.
    """
    own, steps = options.events, options.steps or STEPS
    with tree.opened(options.path, (*event_files.ENDINGS, ".csv", ".txt"), WHAT) as files:
        wanted = _recordings(files)
        sensor = Sensor(*(own.size if all(own.size) else (1, 1)), own.block, 2 if own.polarities else 1)
        packer = Packer(options.path, len(wanted), steps, sensor.channels, CURE)
        longest = 0
        for number, (recording, events) in enumerate(_read(files, wanted)):
            larger = sensor.holding(events)
            if larger != sensor and all(own.size):
                raise ValueError(
                    f"{files.file(recording.name)}: an event lies at {events.x.max()}, {events.y.max()}, and "
                    f"stream.events.size = {sensor.width} {sensor.height}; give that of the sensor, or 0 0"
                )
            if larger.channels != sensor.channels:
                packer = packer.moved(number, larger.channels, larger.places_of(sensor))
            sensor = larger
            since = events.t - events.t.min()
            longest = max(longest, int(since.max()))
            span = round(own.window_ms * 1000) or int(since.max()) + 1
            kept = since < span
            packer.put(number, since[kept] * steps // span, sensor.channel(events)[kept])
    names, y = np.unique([recording.label for recording in wanted], return_inverse=True)
    part = np.array([recording.part for recording in wanted])
    cut = f"the first {own.window_ms:g} ms" if own.window_ms else f"all (up to {longest / 1000:,.0f} ms)"
    return Loaded(
        origin=options.path,
        x=packer.spikes(),
        y=y.astype(np.int64),
        class_names=tuple(names.tolist()),
        steps=steps,
        part=part if part[0] else None,
        image=(sensor.rows, sensor.columns),
        planes=sensor.planes,
        notes=(
            "parts as published" if part[0] else "the parts are drawn",
            f"a sensor of {sensor.width} x {sensor.height} pixels, "
            f"{'two polarities' if own.polarities else 'polarities together'}"
            + (f", blocks of {own.block} x {own.block} pixels" if own.block > 1 else ""),
            f"{cut} of every recording in {steps} time steps",
        ),
    )


def _recordings(files: tree.Tree) -> list[Recording]:
    """All samples, in the order of their files."""
    if any(name.endswith(LABELS) for name in files.names):
        found = list(_of_gestures(files))
    else:
        found = [_of_folder(files, name) for name in files.names if name.lower().endswith(event_files.ENDINGS)]
    if not found:
        raise ValueError(f"{files.path}: there is no recording; give {WHAT}")
    without = [recording.name for recording in found if not recording.part]
    if 0 < len(without) < len(found):
        raise ValueError(
            f"{files.file(without[0])} is in no part, and others are; put it into Train or Test, or remove it"
        )
    return found


def _of_folder(files: tree.Tree, name: str) -> Recording:
    *above, label, _ = ("", *PurePosixPath(name).parts)
    if not label or label.lower() in PARTS:
        raise ValueError(f"{files.file(name)} lies in no folder of a class; give {WHAT}")
    parts = [PARTS[folder.lower()] for folder in above if folder.lower() in PARTS]
    return Recording(name, label, parts[-1] if parts else "")


def _of_gestures(files: tree.Tree) -> Iterator[Recording]:
    """Labelled times of the recordings of DVS-Gesture."""
    parts: dict[str, str] = {}
    for part, name in LISTS.items():
        for path in files.names:
            if PurePosixPath(path).name == name:
                lines = _text(files, path).split()
                parts |= {line: part for line in lines}
    for name in files.names:
        if not name.lower().endswith(".aedat"):
            continue
        labels = name[: -len(".aedat")] + LABELS
        if labels not in files.names:
            raise ValueError(f"{files.file(name)} has no {PurePosixPath(labels).name} beside it; add it, or remove it")
        part = parts.get(PurePosixPath(name).name, "")
        if parts and not part:
            continue  # published recordings that belong to no part
        rows = _text(files, labels).splitlines()[1:]
        if not 0 < len(rows) <= MOST_LABELS:
            raise ValueError(f"{files.file(labels)} has {len(rows)} labels; give one or more below its first line")
        for number, row in enumerate(rows, 2):
            cells = row.split(",")
            try:
                label, first, end = (int(cell) for cell in cells)
            except ValueError:
                raise ValueError(
                    f"{files.file(labels)}, line {number}: {limits.shown(row)!r} is no class, start and end in "
                    "microseconds; mend it"
                ) from None
            if not 0 <= first < end:
                raise ValueError(f"{files.file(labels)}, line {number}: from {first} to {end} is no time; mend it")
            yield Recording(name, f"{label:02d}", part, first, end)


def _text(files: tree.Tree, name: str) -> str:
    with limits.reading(files.file(name), "give text in UTF-8"):
        return files.read(name).decode("utf-8-sig")


def _read(files: tree.Tree, wanted: list[Recording]) -> Iterator[tuple[Recording, Events]]:
    """Every recording with its events; a file that holds several is decoded once."""
    at, events = "", None
    for recording in wanted:
        if recording.name != at or events is None:
            at, events = recording.name, _decoded(files, recording.name)
        own = events.between(recording.first, recording.end) if recording.end else events
        if not len(own):
            raise ValueError(
                f"{files.file(recording.name)} has no events from {recording.first} to {recording.end} microseconds; "
                "remove that line of its labels"
            )
        yield recording, own


def _decoded(files: tree.Tree, name: str) -> Events:
    place = Path(files.path)
    if place.is_dir() and name.lower().endswith((".h5", ".hdf5")):
        return event_files.decode_hdf5(place / name)
    return event_files.decode(files.file(name), name, files.read(name))
