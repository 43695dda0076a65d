"""Every field of the configuration: a number that nobody can mean is refused by the name of its field, at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

from smalti.model.neuron import NetworkOptions
from smalti.scheduler.configuration.config import Config, RunOptions
from smalti.scheduler.configuration.config_io import flatten, from_mapping, nested
from smalti.scheduler.configuration.configure import configure

FIELDS = flatten(Config())
NUMBERS = sorted(name for name, value in FIELDS.items() if type(value) in (int, float))
HUGE = (2**63, -(2**63) - 1, 10**400, 10**5000, 1e308, -1e308, math.nan, -math.inf)
UNBOUNDED = ("gating.stiffness",)  # inf freezes


def refusal(name: str, value: object) -> str:
    """What is said against a value of a field; nothing where it is taken."""
    try:
        from_mapping(Config, nested({name: value}))
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", NUMBERS)
def test_no_number_without_bounds(name: str) -> None:
    begin = time.perf_counter()
    for value in (*HUGE, *(() if name in UNBOUNDED else (math.inf,))):
        with pytest.raises(ValueError, match=rf"^{name} "):
            from_mapping(Config, nested({name: value}))
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize("name", NUMBERS)
def test_the_edges_are_taken_or_refused_by_name(name: str) -> None:
    for value in (-1, 0, 10**9, 10**12, 2**63 - 1, -1.0, 0.0, 1e-320, 1e9, 1e12, 1e30):
        said = refusal(name, value)
        assert name in said or (not said and (abs(value) <= 1e12 or name.endswith("seed"))), (value, said)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run.threads", 10**9),
        ("training.learning_rate", 1e6),
        ("training.batch", 10**9),
        ("network.tau_ms", 1e30),
        ("fabric.rows", 10**6),
        ("stream.steps", 10**9),
        ("growth.candidates", 10**6),
    ],
)
def test_what_only_a_slip_of_the_pen_asks_for(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{name} = .* must be"):
        from_mapping(Config, nested({name: value}))


WRONG = (None, "x", b"x", 1j, True, [], [[1]], {}, {"a": 1}, object(), np.array([1.5, 2]), np.datetime64("nat"))


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_value_of_a_wrong_type_is_refused_by_name(name: str) -> None:
    said = [refusal(name, value) for value in (*WRONG, torch.tensor(1, device="meta"), [1] * 100_000, np.ma.masked)]
    assert len(list(filter(None, said))) >= len(WRONG) - 3  # text, a list or a truth value may be right
    assert all(len(one) < 1000 for one in said)
    assert all(name in one or "plug-in" in one for one in said if one)


SAME: dict[type, tuple[Callable[[object], object], ...]] = {
    bool: (np.bool_, np.array, torch.tensor),
    int: (np.int32, np.int64, np.uint16, np.array, torch.tensor),
    float: (np.float64, np.array, lambda value: torch.tensor(value, dtype=torch.float64)),
    str: (np.str_,),
    tuple: (np.array, list),
}


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_numbers_of_numpy_and_torch_are_taken_in_every_field(name: str) -> None:
    value = FIELDS[name]
    for kind in SAME[type(value)]:
        config = configure({name: kind(value)})
        assert config == Config(**nested({name: kind(value)})) == Config()  # sections as mappings
        assert type(flatten(config)[name]) is type(value)
        assert repr(config) == repr(Config())  # 1 is not 1.0


def test_names_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match="3 is no name of a field"):
        configure({3: 4})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=r"growth\.3 is unknown"):
        configure({"growth": {3: 4}})


def test_numbers_of_thousands_of_digits_can_be_told() -> None:
    with pytest.raises(ValueError, match=r"^run\.seed = a value of type int too large to show"):
        RunOptions(seed=10**5000)


def test_inf_is_for_what_freezes() -> None:
    assert configure({"gating.stiffness": math.inf}) == Config()
    with pytest.raises(ValueError, match="network"):
        NetworkOptions(threshold=math.inf)
