"""Data in memory: arrays, torch's data sets, events of a sensor, spike trains; what a run takes as ``data``.

Everything becomes the arrays of ``scheduler.streams.readers.arrays`` and is checked as they are. A run folder keeps
them as one .npz, so that the run can be gone on with and asked wherever the folder is.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.readers import labels as kinds
from smalti.scheduler.streams.readers import npz, ragged
from smalti.scheduler.streams.readers.arrays import HOW, OPTIONAL, REQUIRED, of_arrays
from smalti.scheduler.streams.readers.convert import array_of, label_of, plain_of, samples_of
from smalti.scheduler.streams.types import Loaded

__all__ = ["Data", "arrays", "dataset", "events", "spike_trains"]

FILE = "data.npz"  # in a run folder
STEPS = 25  # time steps that events are put into, if nobody says how many


@dataclass(frozen=True, eq=False)
class Data:
    """A data set in memory, checked; made by the functions of this module."""

    arrays: dict[str, NDArray[Any]]  # x, y or targets and so on, as scheduler.streams.readers.arrays says
    origin: str = "data"  # what error messages begin with

    def __post_init__(self) -> None:
        self.loaded()

    def __repr__(self) -> str:
        """Shapes and classes."""
        shapes = ", ".join(f"{name} {values.shape}" for name, values in self.arrays.items())
        if "y" not in self.arrays:
            return f"<Data {shapes}>"
        names = kinds.coded(kinds.of_samples(self.origin, "y", self.arrays["y"]))[1]
        return f"<Data {shapes}, {len(names)} classes>"

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.arrays["x"])

    def loaded(self) -> Loaded:
        """The data as a stream is cut from.

        Raises:
            ValueError: an array is unfit, with its name.
        """
        return of_arrays(self.origin, self.arrays)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the names, types, shapes and values."""
        digest = hashlib.sha256()
        for name, values in sorted(self.arrays.items()):
            digest.update(f"{name} {values.dtype.str} {values.shape};".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    def dump(self) -> bytes:
        """The content of a .npz file; ``read`` gives the same data back."""
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **self.arrays)
        return file.getvalue()


def data_of(given: object) -> Data:
    """Data in memory, from what a user calls so: a ``Data``, or a pair x, y.

    Raises:
        ValueError: it is something else, or the pair is unfit.
    """
    if isinstance(given, Data):
        return given
    if isinstance(given, (tuple, list)) and len(given) == 2:
        return arrays(*given)
    raise ValueError(
        f"data is of type {type(given).__name__}; give what smalti.data makes, such as smalti.data.arrays(x, y)"
    )


def read(path: Path) -> Data:
    """The data of a .npz file, as ``Data.dump`` wrote it.

    Raises:
        ValueError: naming the file, if it is none or damaged.
    """
    return Data(npz.read(str(path), REQUIRED, OPTIONAL, HOW, trusted=True)[0], str(path))


def arrays(
    x: Any,
    y: Any = None,
    task: Any = None,
    part: Any = None,
    image: tuple[int, int] | None = None,
    shape: tuple[int, int, int] | None = None,
    *,
    targets: Any = None,
    weights: Any = None,
    mask: Any = None,
) -> Data:
    """Data from arrays of numpy, torch or pandas, or from lists.

    >>> import numpy, smalti
    >>> x = numpy.random.default_rng(0).random((60, 16))
    >>> smalti.data.arrays(x, numpy.arange(60) % 4)
    <Data x (60, 16), y (60,), 4 classes>
    >>> smalti.data.arrays(numpy.zeros((60, 25, 16)), targets=numpy.ones((60, 25, 2)))
    <Data x (60, 25, 16), targets (60, 25, 2)>

    Either ``y`` or ``targets`` says what is asked: a class of a sample, or outputs at its time steps.

    Args:
        x: [samples, features] or [samples, time, channels], the probability to fire in a time step, 0..1; spikes (0
            or 1) stay themselves. A list of recordings [time, channels] of different length gets zeros at their end.
        y: [samples] the classes: integers, or names; or one-hot rows [samples, classes].
        task: [samples] integers or names: the task whose classes form an experience or, in setting domain, the domain.
            None: classes are shared out by ``stream.classes_per_task``. With targets: the experience.
        part: [samples] train, validation or test; None: drawn.
        image: rows and columns of pixels, if the features are an image, row after row.
        shape: polarities (or other planes), rows and columns, if they are several; instead of ``image``.
        targets: [samples, time, outputs] what the outputs should be at every step. ``stream.loss`` and ``stream.score``
            say how they are compared with that.
        weights: [samples, time] how much a step counts, 0 where nothing is asked; None: all alike.
        mask: [samples, time] of zeros and ones: where it is 0, there is nothing, and x is taken for 0.

    Raises:
        ValueError: an array is unfit, with its name and the cure.
    """
    given = {
        **{"y": y, "targets": targets, "weights": weights},
        **{"task": task, "part": part, "image": image, "shape": shape, "mask": mask},
    }
    held = {name: plain_of(name, values) for name, values in given.items() if values is not None}
    return Data({"x": samples_of(x), **held})


def dataset(source: Iterable[Any], task: Any = None, part: Any = None) -> Data:
    """Data from a ``torch.utils.data`` Dataset or DataLoader of (x, y), or from anything else that gives such pairs.

    A sample x is [features], [time, channels] (shorter ones get zeros at their end) or [planes, rows, columns], an
    image; of a DataLoader each x is a batch of them. The order of the source is kept, and every sample is read once.

    >>> import numpy, smalti
    >>> pairs = [(numpy.full((1, 4, 4), k / 10), k % 2) for k in range(10)]
    >>> smalti.data.dataset(pairs)
    <Data x (10, 16), y (10,), shape (3,), 2 classes>

    Raises:
        ValueError: samples have different shapes, or are unfit.
    """
    pairs = list(_unbatched(source))
    if not pairs:
        raise ValueError("the data set has no samples; give one of (x, y) pairs")
    x = ragged.stacked([array_of(x) for x, _ in pairs])
    if x.ndim not in (2, 3, 4):
        raise ValueError(
            f"a sample has shape {x.shape[1:]}; give [features], [time, channels] or [planes, rows, columns]"
        )
    shape = (x.shape[1], x.shape[2], x.shape[3]) if x.ndim == 4 else None
    return arrays(x.reshape(len(x), -1) if shape else x, [label_of(y) for _, y in pairs], task, part, shape=shape)


def events(
    source: Iterable[Any],
    size: Sequence[int] | None = None,
    steps: int = STEPS,
    duration: float = 0.0,
    task: Any = None,
    part: Any = None,
) -> Data:
    """Data from events of a sensor, as the data sets of Tonic give them: pairs (events, label).

    The events of a sample are a structured array with the fields t, x and, where there are such, y and p. Time is cut
    into ``steps`` equal bins; a channel (a pixel and polarity) fires in a bin in which it has an event.

    >>> import numpy, smalti
    >>> kinds = [("t", int), ("x", int), ("y", int), ("p", int)]
    >>> sample = numpy.array([(0, 0, 0, 1), (900, 1, 1, 0)], dtype=kinds)
    >>> smalti.data.events([(sample, k % 2) for k in range(10)], size=(2, 2, 2), steps=10)
    <Data x (10, 10, 8), y (10,), shape (3,), 2 classes>

    Args:
        source: the pairs.
        size: width, height and polarities of the sensor; None: what the data set says in ``sensor_size``.
        steps: time steps of a sample.
        duration: time that is kept of every sample, in the unit of t; 0: up to the last event of all.
        task, part: as in ``arrays``.

    Raises:
        ValueError: fields are missing, or events lie outside the sensor.
    """
    size = size or getattr(source, "sensor_size", None)
    if size is None:
        raise ValueError("size is not given, and the data set has no sensor_size; give (width, height, polarities)")
    width, height, polarities = (*(int(side) for side in size), 1, 1)[:3]
    pairs = list(_pairs(source))
    trains = [_train(array_of(sample), width, height, polarities, at) for at, (sample, _) in enumerate(pairs)]
    x = binned(trains, width * height * polarities, steps, duration)
    shape = (polarities, height, width) if height > 1 else None
    return arrays(x, [label_of(label) for _, label in pairs], task, part, shape=shape)


def spike_trains(
    samples: Sequence[Any],
    labels: Any,
    units: int = 0,
    steps: int = STEPS,
    duration: float = 0.0,
    task: Any = None,
    part: Any = None,
) -> Data:
    """Data from spike trains: for every sample the times of its spikes and the units that fired.

    >>> import smalti
    >>> samples = [([0.0, 0.4, 0.9], [0, 2, 1]), ([0.5], [2])] * 5
    >>> smalti.data.spike_trains(samples, [0, 1] * 5, steps=10, duration=1.0)
    <Data x (10, 10, 3), y (10,), 2 classes>

    Args:
        samples: a pair (times, units) a sample; times from 0 on, units counted from 0.
        labels: [samples] the classes: integers, or names.
        units: number of units; 0: as many as occur.
        steps: time steps of a sample.
        duration: time that is kept of every sample, in the unit of the times; 0: up to the last spike of all.
        task, part: as in ``arrays``.

    Raises:
        ValueError: a sample is no such pair, or a time or unit is out of range.
    """
    trains = []
    for number, (times, who) in enumerate(_pairs(samples)):
        at, unit = array_of(times).reshape(-1), array_of(who).reshape(-1)
        if len(at) != len(unit):
            raise ValueError(f"sample {number} has {len(at)} times and {len(unit)} units; give one unit a spike")
        trains.append((at, unit.astype(np.int64)))
    most = max((int(unit.max()) + 1 for _, unit in trains if len(unit)), default=0)
    return arrays(binned(trains, units or most, steps, duration), labels, task, part)


def binned(
    trains: Sequence[tuple[NDArray[Any], NDArray[Any]]], channels: int, steps: int, duration: float
) -> NDArray[np.bool_]:
    """Spikes [samples, steps, channels] from times and channels; several in one bin are one.

    Raises:
        ValueError: a time is negative, a channel does not exist, or there is no spike at all.
    """
    if steps < 1:
        raise ValueError(f"steps = {steps} must be at least 1")
    ends = [float(times.max()) for times, _ in trains if len(times)]
    if not ends:
        raise ValueError("there is not a single spike in the samples")
    whole = duration or np.nextafter(max(ends), np.inf)
    if not whole > 0:
        raise ValueError(f"duration = {duration} must be positive, or 0 for up to the last spike of all")
    x = np.zeros((len(trains), steps, channels), dtype=np.bool_)
    for number, (times, channel) in enumerate(trains):
        if len(times) and times.min() < 0:
            raise ValueError(f"sample {number} has a spike at {times.min()}; times are counted from 0")
        if len(channel) and not (channel.min() >= 0 and channel.max() < channels):
            raise ValueError(
                f"sample {number} has a spike of channel {channel.max()}; there are {channels}, counted from 0"
            )
        within = times < whole
        bins = np.minimum((times[within] / whole * steps).astype(np.int64), steps - 1)
        x[number, bins, channel[within]] = True
    return x


def _train(sample: NDArray[Any], width: int, height: int, polarities: int, at: int) -> tuple[NDArray[Any], Any]:
    """Times and channels of the events of one sample."""
    names = sample.dtype.names or ()
    if missing := {"t", "x"} - set(names):
        raise ValueError(f"the events of sample {at} lack {sorted(missing)}; give a structured array with t, x, y, p")
    column = sample["x"].astype(np.int64)
    row = sample["y"].astype(np.int64) if "y" in names and height > 1 else np.zeros_like(column)
    polarity = sample["p"].astype(np.int64) if "p" in names and polarities > 1 else np.zeros_like(column)
    for name, values, limit in (("x", column, width), ("y", row, height), ("p", polarity, polarities)):
        if len(values) and not (values.min() >= 0 and values.max() < limit):
            raise ValueError(f"sample {at} has an event with {name} = {values.max()}; the size says {limit}")
    return sample["t"], (polarity * height + row) * width + column


def _pairs(source: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """The pairs of a source; data sets of torch have a length and items, and need not be iterable."""
    items = source if hasattr(source, "__iter__") else (source[k] for k in range(len(source)))  # type: ignore[arg-type, index]
    for number, item in enumerate(items):
        if not (isinstance(item, (tuple, list)) and len(item) == 2):
            raise ValueError(f"sample {number} is no pair but {type(item).__name__}; give pairs")
        yield item[0], item[1]


def _unbatched(source: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Single samples, of a DataLoader too."""
    batched = getattr(source, "batch_sampler", None) is not None  # a DataLoader that makes batches
    for x, y in _pairs(source):
        if batched:
            yield from zip(array_of(x), array_of(y).reshape(-1), strict=True)
        else:
            yield x, y
