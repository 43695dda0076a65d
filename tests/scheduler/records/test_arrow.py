from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smalti.scheduler.records.arrow import to_arrow

PORT = {
    "round": 3,
    "grid_row": 0,
    "grid_col": 1,
    "kind": "r1",
    "side": "N",
    "direction": "in",
    "used": 2,
    "capacity": 16,
}
LINK = {
    "source": 5,
    "kind": "routed",
    "target_tile": 1,
    "row": 20,
    "side": "W",
    "hops": 1,
    "path": [11],
    "birth_round": 0,
    "retired_round": None,
}
EVALUATION = {
    "after": -1,
    "on": 0,
    "setting": "task",
    "split": "test",
    "score": "right",
    "accuracy": 0.5,
    "samples": 72,
    "spikes_per_sample": 8.25,
    "hop_spikes_per_sample": float("nan"),
    "operations_per_sample": 3.0,
    "gate_adds_per_sample": 640.5,
    "gate_stored_values": 9000,
    "gate_buffered_spikes": 101.5,
    "gate_latency": 12.5,
    "multiplications_per_sample": 1050.0,
    "gate_multiplications_per_sample": 600.0,
    "gate_counted_spikes": 101.5,
    "latency": 37.5,
    "corner_hop_spikes_per_sample": 0.5,
    "roc_auc": 0.75,
    "average_precision": 0.5,
}
ROWS: dict[str, dict[str, Any]] = {"ports": PORT, "links": LINK, "evaluations": EVALUATION}


def test_rows_come_back_as_given() -> None:
    local = LINK | {"kind": "local", "path": [], "retired_round": 7}
    assert to_arrow("links", [LINK, local]).to_pylist() == [LINK, local]
    assert to_arrow("links", []).num_rows == 0


def test_order_of_keys_does_not_matter() -> None:
    assert to_arrow("ports", [dict(reversed(PORT.items()))]).equals(to_arrow("ports", [PORT]))


def test_columns_of_numpy_arrays_are_rows_too() -> None:
    columns: dict[str, np.ndarray] = {name: np.array([value, value]) for name, value in PORT.items()}
    assert to_arrow("ports", columns).equals(to_arrow("ports", [PORT, PORT]))
    scalars = {name: value[0] for name, value in columns.items()}
    assert to_arrow("ports", [scalars]).equals(to_arrow("ports", [PORT]))


def test_missing_and_unknown_columns_are_named() -> None:
    renamed = {("sides" if name == "side" else name): value for name, value in PORT.items()}
    with pytest.raises(ValueError, match=r"ports: a row lacks \['side'\] and has unknown \['sides'\]; its col"):
        to_arrow("ports", [PORT, renamed])
    with pytest.raises(ValueError, match=r"ports: a row lacks \['round'\]; its columns are round, grid_row"):
        to_arrow("ports", {name: [value] for name, value in PORT.items() if name != "round"})
    with pytest.raises(ValueError, match=r"has unknown \['spam'\]"):
        to_arrow("ports", [PORT | {"spam": 1}])


@pytest.mark.parametrize(
    ("table", "column", "value", "why"),
    [
        ("ports", "used", 1.5, "must be an integer, not of type float"),
        ("ports", "used", True, "must be an integer, not of type bool"),
        ("ports", "used", np.bool_(True), "must be an integer, not of type bool"),
        ("ports", "used", "2", "must be an integer, not of type str"),
        ("ports", "used", None, "must be an integer, not of type NoneType"),
        ("ports", "used", 2**31, "too large"),
        ("ports", "used", 2**70, "large|overflow"),
        ("ports", "kind", 1, "must be text, not of type int"),
        ("ports", "kind", b"r1", "must be text, not of type bytes"),
        ("links", "path", 11, "must be a list of integers, not of type int"),
        ("links", "path", "11", "must be a list of integers, not of type str"),
        ("links", "path", [1.5], "must be a list of integers, not of type float"),
        ("links", "path", [None], "must be a list of integers, not of type NoneType"),
        ("links", "birth_round", None, "must be an integer, not of type NoneType"),
        ("evaluations", "accuracy", "0.5", "must be a number, not of type str"),
        ("evaluations", "accuracy", True, "must be a number, not of type bool"),
        ("evaluations", "accuracy", None, "must be a number, not of type NoneType"),
    ],
)
def test_wrong_values_are_refused_and_the_column_named(table: str, column: str, value: object, why: str) -> None:
    with pytest.raises(ValueError, match=rf"{table}\.{column}.*({why})"):
        to_arrow(table, [ROWS[table], ROWS[table] | {column: value}])


def test_whole_numbers_are_numbers() -> None:
    assert to_arrow("evaluations", [EVALUATION | {"accuracy": 1}]).column("accuracy").to_pylist() == [1.0]


def test_columns_of_unequal_length_are_refused() -> None:
    columns: dict[str, list[Any]] = {name: [value] for name, value in PORT.items()}
    with pytest.raises(ValueError, match=r"ports: columns of unequal lengths \[1, 2\]"):
        to_arrow("ports", columns | {"used": [1, 2]})
