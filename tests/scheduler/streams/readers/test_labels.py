from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.streams.readers import labels

Y = np.arange(20) % 4


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (Y, "0 1 2 3"),
        (Y.astype(np.uint8), "0 1 2 3"),
        (Y[:, None], "0 1 2 3"),
        (Y.astype(np.float32), "0 1 2 3"),
        (np.array([3, 7, 9, 11])[Y], "3 7 9 11"),
        (np.array([-3, 7, 9, 11])[Y], "-3 7 9 11"),
        (np.array(["dog", "cat", "eel", "fox"])[Y], "cat dog eel fox"),
        (np.array(["dog", "cat", "eel", "fox"])[Y][:, None], "cat dog eel fox"),
        (np.array(["ä", "b", "ö", "ü"])[Y], "b ä ö ü"),
        (np.array(["ä", "b", "ö", "ü"]).astype(">U3")[Y], "b ä ö ü"),
        (np.char.encode(np.array(["ä", "b", "ö", "ü"]), "utf-8")[Y], "b ä ö ü"),
        (np.array([0, 1, 2, 2**63], dtype=np.uint64)[Y], "0 1 2 9223372036854775808"),
        (np.array([0, 1, 2, 2**64 - 1], dtype=np.uint64)[Y], "0 1 2 18446744073709551615"),
        (np.array([0, 1, 2, 1e20])[Y], "0 1 2 100000000000000000000"),
        (np.eye(4)[Y], "0 1 2 3"),
        (np.eye(4, dtype=np.bool_)[Y], "0 1 2 3"),
        (np.eye(7, dtype=np.uint8)[[1, 3, 5, 6]][Y], "1 3 5 6"),
        (Y > 1, "0 1"),
    ],
)
def test_labels_are_numbered_as_numpy_sorts_them_and_keep_their_names(values: np.ndarray, names: str) -> None:
    codes, said = labels.coded(labels.of_samples("mine", "y", values))
    assert said == tuple(names.split())
    assert codes.dtype == np.int64
    flat = values.argmax(axis=1) if values.ndim == 2 and values.shape[1] > 1 else values.reshape(-1)
    np.testing.assert_array_equal(codes, np.unique(flat, return_inverse=True)[1])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (Y + 0.5, "type float64 and holds 0.5"),
        (np.array([0, np.inf]), "holds inf"),
        (np.eye(4)[Y] / 2, "not one-hot"),
        (np.zeros((4, 3)), "not one-hot"),
        (np.ones((4, 3)), "not one-hot"),
        (Y.reshape(2, 2, 5), r"shape \(2, 2, 5\)"),
        (np.array(3), r"shape \(\)"),
        (np.zeros((4, 0)), "is empty"),
        (Y.astype("M8[s]"), "type datetime64"),
        (np.zeros(3, dtype=[("a", int)]), "type"),
        (np.array([b"\xff"]), "no text in UTF-8"),
        (np.array([3, 0x110000], dtype=np.uint32).view("<U1"), "numbers that are no characters"),
        (np.array([3, 0x110000], dtype=">u4").view(">U1"), "numbers that are no characters"),
    ],
)
def test_what_is_no_label_is_named(values: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^mine: y .*{message}"):
        labels.of_samples("mine", "y", values)


def test_negative_classes_are_refused_with_a_cure() -> None:
    for y in (np.array([-1, 1]), np.array([-1.0, 1e30])):
        given = labels.of_samples("mine", "y", y)
        with pytest.raises(ValueError, match=r"mine: y contains -1; .*y = y\.astype\(str\)"):
            labels.check_counted("mine", "y", given)
    named = labels.of_samples("mine", "y", np.array([-1, 1]).astype(str))
    labels.check_counted("mine", "y", named)
    assert labels.coded(named)[1] == ("-1", "1")
