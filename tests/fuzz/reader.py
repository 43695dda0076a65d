"""A process that reads mutated files of events and folders of arrays: python reader.py KIND SEED FIRST END.

KIND is hdf5 or folder. For each number it writes a line when it begins, and one in JSON when it ends: what was wrong,
if anything, and whether the file was refused. Damaged files of HDF5 may end a process, for libhdf5 falls over some.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import guard
from mutations import Chance, mutated_array, mutated_bytes

from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.arrays import load_arrays
from smalti.scheduler.streams.readers.spikes.event_files import decode_hdf5

EVENTS = np.zeros(200, dtype=[("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", np.bool_)])
EVENTS["t"] = 100 * np.arange(200)
EVENTS["x"], EVENTS["y"], EVENTS["p"] = (np.arange(200) % side for side in (34, 30, 2))
LAYOUTS = ("txyp", "events/txyp", "CD/txyp", "events", "CD", "CD/events")


def hdf5(fresh: Path, chance: Chance) -> None:
    """A damaged file of events, in one of its layouts, in one piece or in packed ones."""
    import h5py

    layout, path = LAYOUTS[int(chance.integers(len(LAYOUTS)))], fresh / "a.h5"
    how = {"chunks": (64,), "compression": "gzip"} if chance.random() < 0.4 else {}
    with h5py.File(path, "w", track_order=False) as file:
        if layout.endswith("txyp"):
            for name in "txyp":
                file.create_dataset(layout.replace("txyp", name), data=EVENTS[name], **how)
        else:
            file.create_dataset(layout, data=EVENTS, **how)
    path.write_bytes(mutated_bytes(path.read_bytes(), chance))
    decode_hdf5(path)


def folder(fresh: Path, chance: Chance) -> None:
    """A folder of arrays of which one or two are damaged, or sound arrays that are not as they should be."""
    x, y = chance.random((24, 5, 4)), np.arange(24) % 3
    x[::5, 3:] = np.nan
    arrays = {"x": x, "y": y, "task": y, "mask": np.ones((24, 5)), "shape": np.array([1, 2, 2])}
    if chance.random() < 0.5:
        arrays = {name: arrays[name] for name in ("x", "y")}
    damaged = {str(chance.choice(list(arrays))) for _ in range(2)}
    for name, values in arrays.items():
        spoiled = name in damaged and chance.random() < 0.5
        np.save(fresh / f"{name}.npy", mutated_array(values, chance) if spoiled else values)
        if name in damaged and not spoiled:
            (fresh / f"{name}.npy").write_bytes(mutated_bytes((fresh / f"{name}.npy").read_bytes(), chance))
    loaded = load_arrays(StreamOptions(name="arrays", path=str(fresh)))
    loaded.x[np.arange(len(loaded.x))[:64]]


KINDS = {"hdf5": hdf5, "folder": folder}


def attempt(kind: str, seed: int, number: int) -> dict[str, object]:
    """Read one input: refused in a line that names the file, or taken; else what was wrong."""
    chance, refused = np.random.default_rng((seed, number)), ""

    def read() -> None:
        nonlocal refused
        try:
            KINDS[kind](Path(fresh), chance)
        except ValueError as error:
            refused = str(error)

    with tempfile.TemporaryDirectory() as fresh:
        wrong = guard.tried(read)
        if refused and (fresh not in refused or "\n" in refused):
            wrong = f"refused in other words: {refused}"
    return {"number": number, "wrong": wrong, "refused": bool(refused)}


def main(kind: str, seed: int, numbers: range) -> None:
    """Read these inputs."""
    if kind == "hdf5":
        import h5py  # noqa: F401  # before the limits, for what it takes itself
    guard.limited()
    for number in numbers:
        print(number, flush=True)
        print(json.dumps(attempt(kind, seed, number)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), range(int(sys.argv[3]), int(sys.argv[4])))
