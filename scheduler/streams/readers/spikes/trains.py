"""Spike trains in HDF5, as SHD and SSC are published. Knows nothing of time steps and channels.

The layout: `spikes/times` [S], in each entry the times of a sample's spikes in seconds (float16 as published; any
floats); `spikes/units` [S], the units that fired then, from 0 on; `labels` [S]; and, if you like, `extra/speaker` [S]
and `extra/keys`, the names of the classes. A few samples are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.readers import labels
from smalti.scheduler.streams.readers.spikes import hdf5

AT_ONCE = 64  # samples
MOST = 10_000_000  # samples of a file
LARGEST = 2**24  # units
HOW = "an HDF5 file with spikes/times, spikes/units and labels, such as shd_train.h5 of zenkelab.org/datasets"


@dataclass(frozen=True, eq=False)
class Trains:
    """An open file."""

    path: str
    labels: NDArray[Any]  # [S] integers or strings
    speakers: NDArray[np.str_] | None  # [S]
    keys: tuple[str, ...]  # names of the labels 0, 1, ...; empty: none
    _times: Any
    _units: Any

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.labels)

    def largest_unit(self) -> int:
        """Of all spikes; -1 where there is none.

        Raises:
            ValueError: a unit is out of range.
        """
        largest = -1
        for first in range(0, len(self), AT_ONCE):
            for number, units in enumerate(self._some(self._units, "spikes/units", first), first):
                if len(units):
                    least, most = int(units.min()), int(units.max())
                    if least < 0 or most >= LARGEST:
                        raise ValueError(
                            f"{self.path}: spikes/units of sample {number} holds {least if least < 0 else most}; units "
                            f"are counted from 0, below {LARGEST:,}"
                        )
                    largest = max(largest, most)
        return largest

    def samples(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
        """Times in seconds and units of every sample.

        Raises:
            ValueError: naming the sample whose times are negative or none, or are not as many as its units.
        """
        for first in range(0, len(self), AT_ONCE):
            some = zip(
                self._some(self._times, "spikes/times", first),
                self._some(self._units, "spikes/units", first),
                strict=True,
            )
            for number, (times, units) in enumerate(some, first):
                if len(times) != len(units):
                    raise ValueError(
                        f"{self.path}: sample {number} has {len(times)} times and {len(units)} units; give one unit a "
                        "spike, or leave the sample out"
                    )
                exact = times.astype(np.float64)
                if not np.isfinite(exact).all() or (exact < 0).any():
                    odd = exact[~(np.isfinite(exact) & (exact >= 0))][0]
                    raise ValueError(
                        f"{self.path}: spikes/times of sample {number} holds {odd}; times are seconds from 0 on: mend "
                        "or leave out that sample"
                    )
                yield exact, units.astype(np.int64)

    def _some(self, dataset: Any, name: str, first: int) -> list[NDArray[Any]]:
        with limits.reading(f"{self.path}: {name} from sample {first} on", hdf5.AGAIN):
            return [np.asarray(entry) for entry in dataset[first : first + AT_ONCE]]


@contextmanager
def opened(path: Path) -> Iterator[Trains]:
    """The spike trains of a file.

    Raises:
        ValueError: naming the file and what is wrong in it.
    """
    with hdf5.opened(path, HOW) as file:
        times, units = (_lists(file, f"spikes/{name}", kinds) for name, kinds in (("times", "f"), ("units", "iu")))
        given = hdf5.values(file, "labels", HOW, MOST)
        kinds = labels.of_samples(str(path), "labels", given)
        labels.check_counted(str(path), "labels", kinds)
        speakers = None
        if hdf5.holds(file, "extra/speaker"):
            speakers = labels.of_samples(str(path), "extra/speaker", hdf5.values(file, "extra/speaker", HOW, MOST))
            speakers = speakers.astype(np.str_)
        for name, values in (("spikes/times", times), ("spikes/units", units), ("extra/speaker", speakers)):
            if values is not None and len(values) != len(kinds):
                raise ValueError(
                    f"{path}: {name} has {len(values)} entries and labels {len(kinds)}; give one of each a sample"
                )
        yield Trains(str(path), kinds, speakers, _keys(file, kinds), times, units)


def _lists(file: Any, name: str, kinds: str) -> Any:
    """A dataset whose entries are lists of numbers of a kind."""
    import h5py

    found = hdf5.dataset(file, name, HOW)
    base = h5py.check_vlen_dtype(found.dtype)
    if not isinstance(base, np.dtype) or base.kind not in kinds:
        what = "floats (seconds)" if kinds == "f" else "integers"
        raise ValueError(
            f"{file.filename}: {name} has type {found.dtype if base is None else base}; give a list of {what} a sample "
            "(h5py.vlen_dtype)"
        )
    hdf5.check_lists(file, found, base.itemsize)
    return found


def _keys(file: Any, kinds: NDArray[Any]) -> tuple[str, ...]:
    """Names of the labels, if the file has one for each."""
    if not hdf5.holds(file, "extra/keys") or kinds.dtype.kind != "i":
        return ()
    keys = labels.text(file.filename, "extra/keys", hdf5.values(file, "extra/keys", HOW, 100_000))
    fit = len(set(keys.tolist())) == len(keys) > int(kinds.max())
    return tuple(keys.tolist()) if fit else ()
