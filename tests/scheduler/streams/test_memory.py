from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from smalti.scheduler.streams import StreamOptions, load_stream, memory

EVENT = [("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", np.int8)]
X = np.random.default_rng(0).random((12, 5)).astype(np.float32)
Y = np.arange(12) % 3


def event(*rows: tuple[int, int, int, int]) -> np.ndarray:
    return np.array(list(rows), dtype=EVENT)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (X, Y),
        (torch.from_numpy(X), torch.from_numpy(Y)),
        (torch.from_numpy(X).requires_grad_(), Y.tolist()),
        (pd.DataFrame(X), pd.Series(Y)),
        (X.tolist(), Y.astype(np.uint8)),
    ],
)
def test_arrays_of_any_kind_are_the_same_data(x: object, y: object) -> None:
    loaded = memory.arrays(x, y).loaded()
    np.testing.assert_allclose(loaded.x, X[:, None, :], rtol=1e-6)
    assert loaded.y.tolist() == Y.tolist()


def test_data_and_a_file_of_the_same_arrays_give_the_same_stream(tmp_path: Path) -> None:
    x, y = np.random.default_rng(1).random((40, 3, 16)), np.arange(40) % 4
    np.savez(tmp_path / "same.npz", x=x, y=y, task=y // 2)
    options = StreamOptions(name="arrays", path=str(tmp_path / "same.npz"))
    of_file = load_stream(options, 8)
    given = load_stream(StreamOptions(name="arrays"), 8, memory.arrays(x, y, task=y // 2))
    assert len(of_file.experiences) == len(given.experiences) == 2
    for one, other in zip(of_file.experiences, given.experiences, strict=True):
        assert (one.name, one.classes) == (other.name, other.classes)
        for part in ("train", "validation", "test"):
            np.testing.assert_array_equal(getattr(one, part).x, getattr(other, part).x)
            np.testing.assert_array_equal(getattr(one, part).index, getattr(other, part).index)


def test_new_samples_are_made_ready_as_those_of_the_stream_were() -> None:
    x, y = np.random.default_rng(2).random((40, 16)).astype(np.float32), np.arange(40) % 4
    stream = load_stream(StreamOptions(name="arrays", gain=1.5), 8, memory.arrays(x, y))
    test = stream.experiences[0].test
    assert (stream.raw, stream.channels) == ((16,), 8)
    np.testing.assert_array_equal(stream.ready(x[test.index][:, None, :]), test.x)


def test_an_image_is_pooled_in_blocks() -> None:
    x, y = np.zeros((12, 16)), Y
    x[:, [0, 1, 4, 5]] = 1  # the upper left quarter of 4 x 4 pixels
    stream = load_stream(StreamOptions(name="arrays", setting="joint"), 4, memory.arrays(x, y, image=(4, 4)))
    assert stream.shape == (2, 2)
    assert stream.experiences[0].train.x[0, 0].tolist() == [1, 0, 0, 0]


def test_what_is_kept_comes_back_and_has_the_same_fingerprint(tmp_path: Path) -> None:
    data = memory.arrays(X, Y, task=Y // 2, part=["train"] * 6 + ["test"] * 6)
    (tmp_path / "kept.npz").write_bytes(data.dump())
    again = memory.read(tmp_path / "kept.npz")
    assert again.fingerprint == data.fingerprint
    assert all((again.arrays[name] == values).all() for name, values in data.arrays.items())
    changed = X.copy()
    changed[3, 2] += 0.001
    assert memory.arrays(changed, Y, task=Y // 2).fingerprint != data.fingerprint
    assert memory.arrays(X, Y).fingerprint != memory.arrays(X, Y[::-1]).fingerprint
    assert memory.arrays(X, Y).fingerprint != memory.arrays(X[:, None], Y).fingerprint


def test_data_sets_and_loaders_of_torch() -> None:
    source = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    for given in (source, DataLoader(source, batch_size=5), DataLoader(source, batch_size=None)):
        loaded = memory.dataset(given).loaded()
        np.testing.assert_array_equal(loaded.x[:, 0], X)
        assert loaded.y.tolist() == Y.tolist()


def test_images_of_a_data_set_keep_their_sides() -> None:
    class Pictures(Dataset[tuple[torch.Tensor, int]]):
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            if index >= 8:
                raise IndexError(index)
            return torch.full((2, 3, 4), index / 8), index % 2

    loaded = memory.dataset(Pictures()).loaded()
    assert loaded.x.shape == (8, 1, 24)
    assert (loaded.planes, loaded.image) == (2, (3, 4))


def test_events_are_put_into_bins_by_pixel_and_polarity() -> None:
    one = event((0, 0, 0, 0), (24, 1, 0, 0), (25, 2, 1, 1), (26, 2, 1, 1), (99, 0, 1, 0))
    data = memory.events([(one, 0), (event(), 1), (one, 0), (one, 1)], size=(3, 2, 2), steps=4)
    spikes = data.arrays["x"]
    assert spikes.shape == (4, 4, 12)
    expected = np.zeros((4, 12), dtype=bool)
    for step, polarity, row, column in ((0, 0, 0, 0), (0, 0, 0, 1), (1, 1, 1, 2), (3, 0, 1, 0)):
        expected[step, (polarity * 2 + row) * 3 + column] = True
    np.testing.assert_array_equal(spikes[0], expected)
    assert not spikes[1].any()
    assert data.loaded().shape == (2, 2, 3)


def test_events_as_tonic_gives_them_say_the_size_of_their_sensor() -> None:
    class Cochlea:
        sensor_size = (700, 1, 1)
        samples = (([5, 20], [699, 3]), ([7], [0]), ([9], [1]), ([9], [2]))

        def __len__(self) -> int:
            return len(self.samples)

        def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
            times, units = self.samples[index]
            kinds = [("t", np.int64), ("x", np.int64), ("p", np.int64)]
            return np.array([(t, u, 1) for t, u in zip(times, units, strict=True)], dtype=kinds), index % 2

    data = memory.events(Cochlea(), steps=2, duration=20)  # type: ignore[arg-type]
    spikes = data.arrays["x"]
    assert spikes.shape == (4, 2, 700)
    assert np.argwhere(spikes).tolist() == [[0, 0, 699], [1, 0, 0], [2, 0, 1], [3, 0, 2]]  # 20 is past the end
    assert data.loaded().image is None


def test_spike_trains_are_put_into_bins() -> None:
    samples = [([0.0, 0.49, 0.5], [0, 1, 1]), ([0.99], [2]), ([], []), ([0.1], [0])]
    spikes = memory.spike_trains(samples, [0, 1, 0, 1], units=4, steps=2, duration=1.0).arrays["x"]
    assert spikes.shape == (4, 2, 4)
    assert np.argwhere(spikes).tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 2], [3, 0, 0]]


def test_the_last_spike_of_all_fits_where_no_duration_is_given() -> None:
    spikes = memory.spike_trains([([0, 10], [0, 1]), ([5], [0])] * 2, [0, 1] * 2, steps=2).arrays["x"]
    assert np.argwhere(spikes[0]).tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: memory.arrays(X * 16, Y), r"data: x lies in .*0\.\.1; subtract its minimum"),
        (lambda: memory.arrays(X, Y[:-1]), r"data: y has shape \(11,\), x has 12 samples"),
        (lambda: memory.arrays(X, Y / 2), r"data: y has type float64 and holds 0\.5; give one integer"),
        (lambda: memory.arrays(X, ["a", 1, None] * 4), r"data: y .*give .*numbers"),
        (lambda: memory.arrays([X[:3], X[:2, :4]], [0, 1]), r"samples have different shapes, \(2, 4\) and \(3, 5\)"),
        (lambda: memory.arrays(X[0], Y), r"data: x has shape \(5,\)"),
        (lambda: memory.arrays(X, Y, image=(2, 2)), r"data: image \(2, 2\) does not match 5 channels"),
        (lambda: memory.arrays(X, Y, part=["learn"] * 12), r"data: part contains 'learn'"),
        (lambda: memory.dataset([]), "the data set has no samples"),
        (lambda: memory.dataset([X]), "sample 0 is no pair but ndarray"),
        (lambda: memory.dataset([(X[0], 0), (X[0, :3], 1)]), r"different shapes, \(3,\) and \(5,\)"),
        (lambda: memory.dataset([(X[0], 0.5), (X[1], 1)]), "a label is 0.5; give one whole number or name a sample"),
        (lambda: memory.events([(event(), 0)]), "size is not given"),
        (lambda: memory.events([(X[0], 0)], size=(2, 2)), r"the events of sample 0 lack \['t', 'x'\]"),
        (lambda: memory.events([(event((0, 2, 0, 0)), 0)], size=(2, 2)), "sample 0 has an event with x = 2; the size"),
        (lambda: memory.events([(event(), 0), (event(), 1)], size=(2, 2)), "there is not a single spike"),
        (lambda: memory.spike_trains([([0.1], [0, 1])], [0]), "sample 0 has 1 times and 2 units"),
        (lambda: memory.spike_trains([([-0.1], [0])], [0], duration=1.0), r"sample 0 has a spike at -0\.1"),
        (lambda: memory.spike_trains([([0.1], [3])], [0], units=3), "a spike of channel 3; there are 3"),
        (lambda: memory.spike_trains([([0.1], [0])], [0], steps=0), "steps = 0 must be at least 1"),
    ],
)
def test_what_is_unfit_is_named(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()
