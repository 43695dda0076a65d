"""Spiking speech in the layout of SHD and SSC, binned to time steps.

B. Cramer, Y. Stradmann, J. Schemmel, F. Zenke, The Heidelberg Spiking Data Sets for the Systematic Evaluation of
Spiking Neural Networks, IEEE TNNLS 33, 2022, doi 10.1109/TNNLS.2020.3044364; files under CC BY 4.0.

`stream.path` is a folder with the published files (shd_train.h5 and shd_test.h5; ssc_train.h5, ssc_valid.h5 and
ssc_test.h5), whose parts are kept, or any single file of that layout, which is split. Where the files have no
validation part it is cut by speaker: whole speakers of the training part. What happens to be counted is taken out by
``stream.shd.rate_free``: channels with few spikes are left out, and all others have equally many in every sample.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams import splits
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers import labels
from smalti.scheduler.streams.readers.spikes import trains
from smalti.scheduler.streams.spikes.packed import Packer, packed
from smalti.scheduler.streams.spikes.rendered import Rendered, pieces
from smalti.scheduler.streams.types import PARTS, WARNING, Floats, Loaded

STEPS = 100
LANGUAGES = ("English", "German")  # of SHD: digits in one, then in the other
DIGITS = 10
USUAL = 0.9  # share of the training samples in which a channel has enough spikes to be kept
EARLY = 0.5  # of the time that is kept: where all spikes come before that, half of the steps are silent
CURE = "set stream.steps or stream.shd.units lower, or give fewer samples"

_PART = re.compile(r"(?:^|[_-])(train|valid|validation|test)\.(?:h5|hdf5)$")


def load_shd(options: StreamOptions) -> Loaded:
    """Reads the folder or file at `options.path`.

    Raises:
        ValueError: naming the file and sample that is unfit, or the option that does not go with them.
    """
    files = _files(options)
    steps, own = options.steps or STEPS, options.shd
    with ExitStack() as stack:
        opened = [stack.enter_context(trains.opened(path)) for path in files.values()]
        if len({one.labels.dtype.kind for one in opened}) > 1:
            raise ValueError(f"{options.path}: labels are numbers in one file and names in another; give either in all")
        units = own.units or 1 + max(one.largest_unit() for one in opened)
        if units < 1:
            raise ValueError(f"{options.path}: there is not a single spike in it; give recordings")
        groups = min(units, own.channels) if own.rate_free else units
        packer = Packer(options.path, sum(map(len, opened)), steps, groups, CURE)
        last = _pack(packer, opened, own.seconds, units)
        kinds = np.concatenate([one.labels for one in opened])
        heard = [one.speakers for one in opened if one.speakers is not None]
        keys = opened[0].keys if all(one.keys == opened[0].keys for one in opened) else ()
    part = np.repeat(list(files), [len(one) for one in opened]) if "train" in files else None
    speakers = np.concatenate(heard) if len(heard) == len(opened) else None
    y, names = labels.coded(kinds)
    if keys:
        names = tuple(keys[int(name)] for name in names)
    x, notes = packer.spikes(), [_of_parts(files), *last]
    loaded = Loaded(origin=options.path, x=x, y=y, class_names=names, steps=steps, part=part)
    loaded = _cut(loaded, speakers, options, notes)
    if own.rate_free:
        x, note = rate_free(loaded, options)
        loaded, notes = replace(loaded, x=x), [*notes, note]
    return replace(loaded, notes=tuple(notes))


def rate_free(loaded: Loaded, options: StreamOptions) -> tuple[Rendered, str]:
    """Spikes with exactly as many in every channel that is kept, and what was done.

    A channel is kept if nine of ten training samples have so many in it. They are drawn from the sample's own; one
    that has fewer gets the rest at random times.

    Raises:
        ValueError: fewer than two channels are left.
    """
    x, steps, count = loaded.x, loaded.x.shape[1], options.shd.count
    training = splits.training(loaded, options)
    if count > steps:
        raise ValueError(f"stream.shd.count = {count} spikes do not fit into {steps} time steps; give fewer")
    enough = np.zeros(x.shape[2])
    for rows, spikes in pieces(x):
        enough += (spikes[training[rows]].sum(axis=1) >= count).sum(axis=0)
    kept = np.flatnonzero(enough >= USUAL * training.sum())
    if len(kept) < 2:
        raise ValueError(
            f"{loaded.origin}: {len(kept)} of {x.shape[2]} channels have {count} spikes in nine of ten samples; set "
            "stream.shd.count or stream.shd.channels lower"
        )

    def drawn(rows: slice, spikes: Floats) -> Floats:
        chance = np.random.default_rng(np.random.SeedSequence(options.split_seed, spawn_key=(0, 2, rows.start)))
        rank = spikes[:, :, kept] + chance.random((len(spikes), steps, len(kept)))
        least = np.partition(rank, steps - count, axis=1)[:, steps - count : steps - count + 1]
        return np.asarray(rank >= least, dtype=np.float32)

    parts = ((rows, drawn(rows, spikes)) for rows, spikes in pieces(x))
    note = f"rate-free: {len(kept)} of {x.shape[2]} channels are kept, each with {count} spikes in every sample"
    return packed(loaded.origin, len(x), parts, CURE), note


def _pack(packer: Packer, opened: Sequence[trains.Trains], seconds: float, units: int) -> list[str]:
    """Takes the spikes of all samples; notes on those that came too late, or all early."""
    groups, steps = packer.channels, packer.steps
    row, spikes, late, last = 0, 0, 0, 0.0
    for one in opened:
        for number, (times, unit) in enumerate(one.samples()):
            if len(unit) and unit.max() >= units:
                raise ValueError(
                    f"{one.path}: spikes/units of sample {number} holds {unit.max()}, and stream.shd.units = {units}; "
                    "give the number of units of the sensor, or 0"
                )
            within = times < seconds
            step = np.minimum((times[within] / seconds * steps).astype(np.int64), steps - 1)
            packer.put(row, step, unit[within] * groups // units)
            row, spikes, late = row + 1, spikes + len(times), late + int(len(times) - within.sum())
            last = max(last, float(times.max(initial=0.0)))
    notes = [f"{units} units, {seconds:g} s in {steps} time steps of {1000 * seconds / steps:.3g} ms"]
    if late:
        notes.append(
            f"{late:,} of {spikes:,} spikes come after {seconds:g} s and are dropped; the last at {last:.3g} s"
        )
    if last < EARLY * seconds:
        notes.append(f"{WARNING}the last spike comes at {last:.3g} s; set stream.shd.seconds to that")
    return notes


def _cut(loaded: Loaded, speakers: NDArray[np.str_] | None, options: StreamOptions, notes: list[str]) -> Loaded:
    """The data set with domains and parts as the options want them; notes say what was done."""
    if options.setting == "domain" and options.transform == "none" and options.by == "digit":
        raise ValueError(
            "stream.setting = 'domain': the domains of spoken words are speakers or languages; set stream.by = "
            "'speaker' or 'language', or make others with stream.transform"
        )
    if speakers is None and options.by == "speaker":
        raise ValueError(f"{loaded.origin}: stream.by = speaker needs extra/speaker in all files, and it is missing")
    if speakers is not None:
        names, domain = np.unique(speakers, return_inverse=True)
        loaded = replace(loaded, domain=domain.astype(np.int64), domain_names=tuple(names.tolist()))
        given = set() if loaded.part is None else set(loaded.part.tolist())
        if "train" in given and options.by == "speaker" and options.setting == "domain":
            loaded = loaded if options.hold_out else _who_train(loaded, notes)
        elif "train" in given and "validation" not in given:
            loaded = _validated(loaded, options, notes)
    return _by_language(loaded) if options.by == "language" else loaded


def _by_language(loaded: Loaded) -> Loaded:
    if len(loaded.class_names) != len(LANGUAGES) * DIGITS:
        raise ValueError(
            f"{loaded.origin}: stream.by = language is of SHD, whose 20 classes are ten digits in English, then in "
            f"German, and there are {len(loaded.class_names)} classes; take by = digit or speaker"
        )
    digits = tuple(str(digit) for digit in range(DIGITS))
    return replace(loaded, y=loaded.y % DIGITS, class_names=digits, domain=loaded.y // DIGITS, domain_names=LANGUAGES)


def _who_train(loaded: Loaded, notes: list[str]) -> Loaded:
    """Without the speakers who are in the test part alone: they have nothing to learn from."""
    assert loaded.domain is not None
    assert loaded.part is not None
    own = np.unique(loaded.domain[loaded.part == "train"])
    rows = np.flatnonzero(np.isin(loaded.domain, own))
    if len(own) < len(loaded.domain_names):
        left = sorted(set(range(len(loaded.domain_names))) - set(own.tolist()))
        who = ", ".join(loaded.domain_names[k] for k in left)
        notes.append(f"left out: speakers who are in the test part alone ({who}); stream.hold_out tests on one of them")
    assert isinstance(loaded.x, Rendered)
    return replace(
        loaded,
        x=loaded.x.select(rows),
        y=loaded.y[rows],
        part=loaded.part[rows],
        domain=np.searchsorted(own, loaded.domain[rows]),
        domain_names=tuple(loaded.domain_names[k] for k in own),
    )


def _validated(loaded: Loaded, options: StreamOptions, notes: list[str]) -> Loaded:
    """Whole speakers of the training part as the validation part, if every class is then in both."""
    assert loaded.domain is not None
    assert loaded.part is not None
    training = loaded.part == "train"
    those = [k for k in np.unique(loaded.domain[training]) if loaded.domain_names[k] != options.hold_out]
    chance = np.random.default_rng(np.random.SeedSequence(options.split_seed, spawn_key=(0, 1)))
    chosen = chance.permutation(those)[: max(1, round(options.validation * len(those)))]
    part = np.where(training & np.isin(loaded.domain, chosen), "validation", loaded.part)
    everything = np.arange(len(loaded.class_names))
    if all(np.array_equal(np.unique(loaded.y[part == name]), everything) for name in ("train", "validation")):
        who = ", ".join(loaded.domain_names[k] for k in np.sort(chosen))
        notes.append(f"validation part: speakers {who} of the training part")
        return replace(loaded, part=part)
    notes.append("validation part: drawn from all speakers, for some have not all classes")
    return loaded


def _files(options: StreamOptions) -> dict[str, Path]:
    """The files by part; of a single one the part is "all"."""
    path = Path(options.path)
    if not options.path:
        raise ValueError(f"stream.path is empty; give a folder of the published files, or {trains.HOW}")
    if not path.is_dir():
        return {"all": path}
    found: dict[str, Path] = {}
    names = [file for file in sorted(path.iterdir()) if _PART.search(file.name.lower()) and file.is_file()]
    named = [file for file in names if file.name.lower().startswith(options.name)]
    for file in named or names:
        match = _PART.search(file.name.lower())
        assert match is not None
        part = "validation" if match[1] == "valid" else match[1]
        if part in found:
            raise ValueError(f"{path}: {found[part].name} and {file.name} are both a part {part}; remove one")
        found[part] = file
    if "train" not in found:
        raise ValueError(
            f"{path}: no file of it ends in _train.h5; give a folder with {options.name}_train.h5 and "
            f"{options.name}_test.h5 (unpacked), or a single file"
        )
    return {part: found[part] for part in PARTS if part in found}


def _of_parts(files: dict[str, Path]) -> str:
    if "train" not in files:
        return "the parts of a single file are drawn"
    return f"parts as published: {', '.join(f'{part} {path.name}' for part, path in files.items())}"
