"""Signals of the world, as spikes where they rise and fall: beats of an ECG, series, features in a table.

`stream.path` is, by its ending:

- `.hea`, or a folder of such: records of WFDB, with windows around annotated beats (``before_ms``, ``after_ms``);
- `.edf`: windows around its annotations;
- `.csv`, `.parquet`: a column of labels beside columns of numbers (see ``tables``);
- `.ts`, or a folder with NAME_TRAIN.ts and NAME_TEST.ts.

Windows become spikes of an up and a down channel for each of theirs (``coding.crossings``). The threshold of a channel
is the spread between two percentiles of the training part, divided by ``levels``. A table without windows has
features: they are scaled to 0..1 by the training part, and coded by ``stream.code``. The stream `ecg` is the protocol
of the group of Mosaic: N against all other beats, 350 ms on each side, both leads, a tenth of the spread.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from smalti.scheduler.streams import splits
from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.coding import crossings
from smalti.scheduler.streams.file_options import SignalsOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.signals import edf, physionet, series, tables, windows
from smalti.scheduler.streams.readers.signals.windows import Windows
from smalti.scheduler.streams.spikes.packed import Packer
from smalti.scheduler.streams.types import Floats, Loaded

STEPS = 25  # of features
MOST_STEPS = 100  # of signals, unless stream.steps says more
AT_ONCE = 256  # windows
OTHER = "other"
NORMAL = ("N",)
WHAT = "a record (.hea) or a folder of them, a recording (.edf), a table (.csv, .parquet), or series (.ts)"


def load_ecg(options: StreamOptions) -> Loaded:
    """Reads records of WFDB: normal beats against all others.

    Raises:
        ValueError: as ``load_signals``, or the path holds no such record.
    """
    path = Path(options.path)
    if options.path and path.exists() and not _records(path):
        raise ValueError(f"stream.path = {options.path!r} holds no header of a record (.hea); take stream signals")
    own = options.signals if options.signals.normal else replace(options.signals, normal=NORMAL)
    return load_signals(replace(options, signals=own))


def load_signals(options: StreamOptions) -> Loaded:
    """Reads the file or folder at `options.path`.

    Raises:
        ValueError: naming the file and place that is unfit, and the cure.
    """
    own = options.signals
    given = _read(options)
    labels = given.labels
    if own.normal:
        unknown = [name for name in own.normal if name not in labels]
        if unknown:
            there = ", ".join(sorted(set(labels.tolist())))
            raise ValueError(f"{options.path}: no sample has label {unknown[0]!r} of stream.signals.normal ({there})")
        labels = np.where(np.isin(labels, own.normal), "|".join(own.normal), OTHER)
    names, y = np.unique(labels, return_inverse=True)
    time, channels = given.x.shape[1:]
    plain = Loaded(
        origin=options.path,
        x=np.zeros((len(y), 1, 1), dtype=np.float32),  # what is asked first is which of them train
        y=y.astype(np.int64),
        class_names=tuple(names.tolist()),
        steps=1,
        part=given.part,
        anomaly=OTHER if own.normal else "",
    )
    if given.record is not None:
        records, domain = np.unique(given.record, return_inverse=True)
        plain = replace(plain, domain=domain.astype(np.int64), domain_names=tuple(records.tolist()))
    training = splits.training(plain, options)
    if time == 1:
        x, note = _scaled(given.x, training)
        return replace(plain, x=x, steps=options.steps or STEPS, notes=(*given.notes, note))
    steps = options.steps or min(time, MOST_STEPS)
    threshold = crossings.thresholds(given.x[training], own.percentiles, own.levels)
    packer = Packer(options.path, len(y), steps, 2 * channels, "give fewer samples or stream.steps")
    for first in range(0, len(y), AT_ONCE):
        rows = slice(first, first + AT_ONCE)
        packer.fill(rows, crossings.encode(given.x[rows], threshold, steps))
    each = ", ".join(f"{name} {value:.3g}" for name, value in zip(given.channels, threshold, strict=True))
    lasting = f"{1000 * time / given.rate:.4g} ms" if given.rate else f"{time} values"
    low, high = own.percentiles
    notes = (
        *given.notes,
        f"windows of {lasting} in {steps} time steps, {channels} channels as up and down spikes",
        limits.shown(f"thresholds, 1/{own.levels:g} of percentiles {low:g} to {high:g} of training: {each}", 300),
    )
    return replace(plain, x=packer.spikes(), steps=steps, notes=notes)


def _scaled(x: Floats, training: np.ndarray) -> tuple[Floats, str]:
    """Features between 0 and 1, by the least and greatest of the training part."""
    low, high = x[training].min(axis=0), x[training].max(axis=0)
    span = np.where(high > low, high - low, np.float32(1))
    return np.clip((x - low) / span, 0, 1).astype(np.float32), "features scaled to 0..1 by their range in training"


def _read(options: StreamOptions) -> Windows:
    path, own = Path(options.path), options.signals
    if not options.path:
        raise ValueError(f"stream.path is empty; give {WHAT}")
    if not path.exists():
        raise ValueError(f"stream.path = {options.path!r}: there is no such file or folder; give {WHAT}")
    if records := _records(path):
        return _of_records(records, own)
    if path.is_dir() or path.suffix.lower() == ".ts":
        return series.read(path)
    if path.suffix.lower() in tables.ENDINGS:
        return tables.read(path, own)
    if path.suffix.lower() == ".edf":
        return _of_edf(path, own)
    raise ValueError(f"{path}: files that end so are not read; give {WHAT}")


def _records(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.hea"))
    return [path] if path.suffix.lower() == ".hea" else []


def _of_records(paths: list[Path], own: SignalsOptions) -> Windows:
    """Windows around the beats of records, which must agree in rate and signals; these may stand in another order."""
    parts, labels, names, rate, channels = list[Floats](), list[str](), list[str](), 0.0, own.channels
    for path in paths:
        head = physionet.header(path)
        there = [signal.name for signal in head.signals]
        rate, channels = rate or head.rate, channels or tuple(there)
        if head.rate != rate:
            raise ValueError(
                f"{path}: signals at {head.rate:g} Hz, and at {rate:g} Hz in {paths[0].name}; give it alone"
            )
        signal = physionet.signals(head)[:, _columns(path, there, channels, bool(own.channels))]
        places, symbols = physionet.annotated(path.with_suffix(f".{own.annotations}"))
        beats = np.array([symbol in physionet.BEATS for symbol in symbols], dtype=np.bool_)
        x, whole = windows.around(signal, places[beats], *_sides(own, rate))
        parts.append(x)
        labels += np.array(symbols, dtype=np.str_)[beats][whole].tolist()
        names += [path.stem] * len(x)
    return _found(paths[0].parent, parts, labels, channels, rate, np.array(names) if len(paths) > 1 else None)


def _columns(path: Path, there: list[str], channels: tuple[str, ...], chosen: bool) -> list[int]:
    """Places of channels among the signals of a record.

    Raises:
        ValueError: one is missing, or the record has others and nobody has ``chosen``.
    """
    if not chosen and there == list(channels):
        return list(range(len(there)))  # by place: names may be there twice
    missing = [name for name in channels if name not in there]
    if missing or (not chosen and (len(there) != len(channels) or len(set(there)) < len(there))):
        what = f"no signal {missing[0]!r}" if missing else f"more than the first record has ({', '.join(channels)})"
        shown = limits.shown(", ".join(there), 200)
        raise ValueError(
            f"{path}: there is {what} (there are {shown}); set stream.signals.channels to what all records have, or "
            "leave it out"
        )
    return [there.index(name) for name in channels]


def _of_edf(path: Path, own: SignalsOptions) -> Windows:
    signal, names, rate, notes = edf.read(path, own.channels)
    places = np.array([round(onset * rate) for onset, _ in notes], dtype=np.int64)
    x, whole = windows.around(signal, places, *_sides(own, rate))
    labels = [text for (_, text), fits in zip(notes, whole, strict=True) if fits]
    return _found(path, [x], labels, names, rate, None)


def _sides(own: SignalsOptions, rate: float) -> tuple[int, int]:
    before, after = round(own.before_ms * rate / 1000), round(own.after_ms * rate / 1000)
    if before + after < 2:
        raise ValueError(f"stream.signals.before_ms and after_ms leave {before + after} samples; give more")
    return before, after


def _found(
    origin: Path,
    parts: list[Floats],
    labels: list[str],
    names: tuple[str, ...],
    rate: float,
    record: np.ndarray | None,
) -> Windows:
    if not labels:
        raise ValueError(
            f"{origin}: there is no annotation with a whole window around it; set stream.signals.before_ms"
        )
    return Windows(np.concatenate(parts), np.array(labels, dtype=np.str_), names, rate, record=record)
