"""Mutations of bytes, of text in TOML and of arrays: small damage, and values that nobody means."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

Chance = np.random.Generator

WEIRD = (
    *("-1", "0", "1e308", "-1e308", "inf", "-inf", "nan", "1000000000", "1000000000000", "9223372036854775808"),
    *(
        "99999999999999999999999999999999",
        "1e-320",
        "true",
        "''",
        "'x'",
        "[]",
        "{}",
        "[[[[]]]]",
        "{ a = 1 }",
        "[1, 'a']",
    ),
    *("2020-01-01", "0x7fffffffffffffff", "{ low = 0, high = 1e308, points = 100000 }", "{ low = 1 }", "[1, 1]"),
    *("{ low = -1e18, high = 1e18, step = 1 }", "'" + "x" * 5000 + "'", "9" * 5000, "[" * 500 + "]" * 500),
)


def mutated_bytes(data: bytes, chance: Chance) -> bytes:
    """The data with one to three pieces of damage."""
    for _ in range(int(chance.integers(1, 4))):
        data = DAMAGE[int(chance.integers(len(DAMAGE)))](data, chance)
    return data


def mutated_toml(text: str, chance: Chance) -> bytes:
    """The text with one or two lines that are other, or now and then its bytes damaged."""
    if chance.random() < 0.2:
        return mutated_bytes(text.encode(), chance)
    lines = text.splitlines()
    for _ in range(int(chance.integers(1, 3))):
        places = [k for k, line in enumerate(lines) if line.strip() and not line.startswith("#")]
        if places:
            place = int(chance.choice(places))
            lines[place : place + 1] = EDITS[int(chance.integers(len(EDITS)))](lines[place], chance)
    return "\n".join(lines).encode()


def mutated_array(values: np.ndarray, chance: Chance) -> np.ndarray:
    """An array of another type, shape or with other values."""
    change: Callable[[np.ndarray, Chance], np.ndarray] = ARRAYS[int(chance.integers(len(ARRAYS)))]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return change(values, chance)
        except TypeError:  # what was changed before has no such type
            return values


def mutated_table(table: pd.DataFrame, chance: Chance) -> pd.DataFrame:
    """A table with a column or rows that are other."""
    name = str(chance.choice(list(table.columns)))
    change = int(chance.integers(8))
    if change == 0:
        return table.drop(columns=name)
    if change == 1:
        return table.rename(columns={name: str(chance.choice(["x", "", "index", name.upper()]))})
    if change == 2:
        return pd.concat([table, table])
    if change == 3:
        return table.iloc[: int(chance.integers(len(table) + 1))]
    values: object = chance.choice(np.array([-1, 10**15, np.nan, np.inf, "x", "", None, True], dtype=object))
    if change == 4 or not len(table):
        return table.assign(**{name: [values] * len(table)})
    changed = table.astype({name: object}).copy()
    changed.iloc[int(chance.integers(len(table))), list(table.columns).index(name)] = values
    try:
        return changed.astype({name: table[name].dtype})
    except (ValueError, TypeError, OverflowError):
        return table.assign(**{name: [values] * len(table)})


def _flip(data: bytes, chance: Chance) -> bytes:
    values = np.frombuffer(data, np.uint8).copy()
    if len(values):
        values[chance.integers(len(values), size=int(chance.integers(1, 9)))] ^= np.uint8(chance.integers(1, 256))
    return values.tobytes()


def _cut(data: bytes, chance: Chance) -> bytes:
    return data[: int(chance.integers(len(data) + 1))]


def _begin_later(data: bytes, chance: Chance) -> bytes:
    return data[int(chance.integers(len(data) + 1)) :]


def _insert(data: bytes, chance: Chance) -> bytes:
    place = int(chance.integers(len(data) + 1))
    return data[:place] + chance.bytes(int(chance.integers(1, 65))) + data[place:]


def _fill(data: bytes, chance: Chance) -> bytes:
    first, count = int(chance.integers(len(data) + 1)), int(chance.integers(1, 33))
    return data[:first] + bytes([int(chance.choice([0, 255, 65]))]) * count + data[first + count :]


def _repeat(data: bytes, chance: Chance) -> bytes:
    first, last = sorted(chance.integers(len(data) + 1, size=2).tolist())
    return data[:last] + data[first:last] + data[last:]


def _number(data: bytes, chance: Chance) -> bytes:
    """A number in plain digits, if there is one, as a huge one."""
    found = list(re.finditer(rb"\d+", data[:4096]))
    if not found:
        return _flip(data, chance)
    one = found[int(chance.integers(len(found)))]
    return data[: one.start()] + b"9" * int(chance.integers(1, 25)) + data[one.end() :]


DAMAGE = (_flip, _flip, _cut, _begin_later, _insert, _fill, _repeat, _number, lambda data, chance: b"")


def _value(line: str, chance: Chance) -> list[str]:
    name, equals, _ = line.partition("=")
    return [f"{name}{equals} {chance.choice(WEIRD)}"] if equals else [f"[{chance.choice(['a', '', 'a.b', 'axes'])}]"]


def _name(line: str, chance: Chance) -> list[str]:
    name, equals, value = line.partition("=")
    place = int(chance.integers(len(name) + 1))
    return [name[:place] + str(chance.choice(["x", "", ".", "[", '"', "ä", " "])) + name[place + 1 :] + equals + value]


EDITS: tuple[Callable[[str, Chance], list[str]], ...] = (
    _value,
    _value,
    _value,
    _name,
    lambda line, chance: [],
    lambda line, chance: [line, line],
    lambda line, chance: [line + str(chance.choice(list("[]{}=\"'#,.\\\0")))],
)


def _typed(values: np.ndarray, chance: Chance) -> np.ndarray:
    kind = str(chance.choice(["bool", "complex64", "float16", "float64", "int8", "uint64", "U3", "S2", "O", "M8[s]"]))
    return values.astype(kind)


def _spoiled(values: np.ndarray, chance: Chance) -> np.ndarray:
    if values.dtype.kind not in "fiu" or not values.size:
        return values.astype("U1")
    bad = [np.nan, np.inf, -1.0, 2.0, 1e300] if values.dtype.kind == "f" else [-1, 120, 100]
    spoiled = values.copy()
    spoiled.reshape(-1)[int(chance.integers(values.size))] = np.array(chance.choice(bad)).astype(values.dtype)
    return spoiled


ARRAYS: tuple[Callable[[np.ndarray, Chance], np.ndarray], ...] = (
    _typed,
    _typed,
    _spoiled,
    _spoiled,
    lambda values, chance: values[: int(chance.integers(len(values) + 1))] if values.ndim else values,
    lambda values, chance: values[None],
    lambda values, chance: values.reshape(-1),
    lambda values, chance: np.repeat(values[..., None], int(chance.integers(3)), axis=-1),
    lambda values, chance: np.zeros((0, *values.shape[1:]), values.dtype),
    lambda values, chance: np.asfortranarray(values),
    lambda values, chance: np.array(3),
    lambda values, chance: np.zeros(len(values) if values.ndim else 1, dtype=[("a", "f4"), ("b", "i8")]),
)
