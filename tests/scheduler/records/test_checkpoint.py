from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save as bytes_of
from torch import Tensor

from smalti.scheduler.records import checkpoint, pieces
from smalti.scheduler.records.checkpoint import load, save
from smalti.scheduler.records.pieces import LARGE

TENSORS = {
    "float": torch.tensor([[0.1, -0.0, math.inf], [math.nan, 1e-45, 3.0]]),
    "double": torch.tensor(math.pi, dtype=torch.float64),
    "int": torch.tensor([-(2**63), 2**63 - 1]),
    "bool": torch.tensor([True, False]),
    "bytes": torch.arange(7, dtype=torch.uint8),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "empty": torch.empty(0, 4),
}
FACTS: dict[str, Any] = {"round": 3, "seed": 2**80, "rate": 0.1, "names": ["a", None, True], "deep": {"": {}}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint" / "state.safetensors"


def same_bytes(a: Tensor, b: Tensor) -> bool:
    alike = a.dtype == b.dtype and a.shape == b.shape
    return alike and torch.equal(a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8))


def test_everything_comes_back_bit_for_bit(file: Path) -> None:
    save(file, TENSORS, FACTS)
    state = load(file)
    assert state.facts == FACTS
    assert state.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert same_bytes(state.tensors[name], tensor), name


def test_of_a_tensor_that_is_mostly_zeros_the_rest_is_kept(file: Path) -> None:
    chance = torch.Generator().manual_seed(0)
    here = torch.rand(20, 50, 40, generator=chance) < 0.02
    mostly = {
        "float": torch.randn(here.shape, generator=chance).masked_fill(~here, 0.0),
        "double": torch.where(here, -0.0, 0.0).double(),  # the sign of a zero is kept
        "int": here * torch.randint(-5, 5, here.shape, generator=chance, dtype=torch.int32),
        "bool": here,
        "half": here.bfloat16().transpose(0, 1),
        "nothing": torch.zeros(5000),
    }
    save(file, mostly, FACTS)
    state = load(file)
    assert state.facts == FACTS
    assert state.tensors.keys() == mostly.keys()
    for name, tensor in mostly.items():
        assert same_bytes(state.tensors[name], tensor.contiguous()), name
    dense = sum(tensor.numel() * tensor.element_size() for tensor in mostly.values())
    assert file.stat().st_size < 0.15 * dense


def test_views_and_shared_memory_are_saved_as_they_look(file: Path) -> None:
    base = torch.arange(12.0, requires_grad=True).reshape(3, 4)
    views = {"whole": base, "turned": base.T, "part": base[:, 1], "again": base}
    save(file, views, {})
    assert all(same_bytes(load(file).tensors[name], view.detach().contiguous()) for name, view in views.items())


def test_what_is_loaded_can_be_changed_and_the_file_replaced(file: Path) -> None:
    save(file, {"a": torch.zeros(4)}, {"round": 0})
    state = load(file)
    state.tensors["a"] += 1
    save(file, state.tensors, {"round": 1})
    again = load(file)
    assert again.tensors["a"].tolist() == [1, 1, 1, 1]
    assert again.facts == {"round": 1}
    assert os.listdir(file.parent) == ["state.safetensors"]


def test_same_state_same_bytes(file: Path) -> None:
    save(file, TENSORS, FACTS)
    first = file.read_bytes()
    save(file, dict(reversed(TENSORS.items())), FACTS)
    assert file.read_bytes() == first


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(facts=st.dictionaries(st.text(), JSON_VALUES, max_size=3))
def test_any_facts_come_back_exactly(tmp_path_factory: pytest.TempPathFactory, facts: dict[str, Any]) -> None:
    file = tmp_path_factory.mktemp("facts") / "state"
    save(file, {}, facts)
    assert repr(load(file).facts) == repr(facts)  # also -0.0, and 1 apart from 1.0 and True


@pytest.mark.parametrize(
    ("facts", "where"),
    [
        ({"loss": math.nan}, r"facts\['loss'\] = nan has no place in JSON"),
        ({"a": [0, {"b": -math.inf}]}, r"facts\['a'\]\[1\]\['b'\] = -inf"),
        ({"a": {3: 1}}, r"facts\['a'\] has the key 3; keys must be text"),
        ({"a": (1, 2)}, r"facts\['a'\] is of type tuple"),
        ({"a": torch.ones(1)}, r"facts\['a'\] is of type Tensor"),
    ],
)
def test_facts_that_would_change_are_refused(file: Path, facts: dict[str, Any], where: str) -> None:
    save(file, {}, {"round": 1})
    with pytest.raises(ValueError, match=where):
        save(file, {}, facts)
    assert load(file).facts == {"round": 1}


def test_every_cut_and_every_flipped_byte_is_found(file: Path) -> None:
    save(file, {"a": torch.arange(3.0), "b": torch.ones(2, dtype=torch.bool)}, {"round": 12, "loss": 0.25})
    whole = file.read_bytes()
    damaged = [whole[:end] for end in range(len(whole))] + [whole + b"\0"]
    damaged += [whole[:i] + bytes([whole[i] ^ 0x01]) + whole[i + 1 :] for i in range(len(whole))]
    for data in damaged:
        file.write_bytes(data)
        with pytest.raises(ValueError, match=r"state\.safetensors is damaged .*restore it from a copy|'smalti 3'"):
            load(file)


def test_nothing_saved_yet(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(file)


def large(rows: int = 5) -> Tensor:
    """Each row is a piece."""
    return torch.arange(1.0, rows + 1, dtype=torch.float64)[:, None].expand(rows, LARGE // 8)


def beside(file: Path) -> dict[str, int]:
    """Pieces, and when they were written."""
    return {one.name: one.stat().st_mtime_ns for one in file.parent.iterdir() if one != file}


def test_large_tensors_come_back_bit_for_bit_from_their_pieces(file: Path) -> None:
    chance = torch.Generator().manual_seed(0)
    tensors = {
        "rows": torch.randn(7, 90_000, generator=chance),
        "turned": torch.randn(300, 500, generator=chance).double().T,
        "flat": torch.randint(1, 9, (LARGE,), generator=chance, dtype=torch.uint8),
        "deep": torch.randn(3, 40, 50, 60, generator=chance, requires_grad=True),
        "bool": torch.rand(LARGE, generator=chance) < 0.5,
        "half": torch.randn(LARGE, generator=chance).bfloat16(),
    }
    save(file, TENSORS | tensors, FACTS)
    state = load(file)
    assert state.facts == FACTS
    assert state.tensors.keys() == TENSORS.keys() | tensors.keys()
    for name, tensor in tensors.items():
        assert same_bytes(state.tensors[name], tensor.detach().contiguous()), name
    state.tensors["rows"] += 1  # what is loaded can be changed
    assert file.stat().st_size < 0.1 * sum(tensor.nbytes for tensor in tensors.values())


def test_only_rows_that_have_changed_are_written_again_and_the_old_ones_removed(file: Path) -> None:
    state = large().clone()
    save(file, {"a": state, "b": state[:2]}, {"round": 0})
    before = beside(file)
    assert len(before) == 5  # the same rows stand there once
    state[3, 17] = -1
    save(file, {"a": state}, {"round": 1})
    after = beside(file)
    assert len(after) == 5
    assert len(before.items() & after.items()) == 4
    assert torch.equal(load(file).tensors["a"], state)
    save(file, {"a": torch.cat([state, large()[:1] * 9])}, {"round": 2})
    assert len(after.items() & beside(file).items()) == 5
    save(file, {}, {"round": 3})
    assert not beside(file)


def test_a_checkpoint_that_was_not_finished_leaves_the_one_before(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed when the pieces were written, and before what refers to them was; or before the old ones were removed."""
    save(file, {"a": large()}, {"round": 0})
    old = beside(file)
    with monkeypatch.context() as killed:
        killed.setattr(checkpoint, "write_bytes_atomic", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            save(file, {"a": large() * 2}, {"round": 1})
    assert load(file).facts == {"round": 0}
    assert torch.equal(load(file).tensors["a"], large())
    assert len(beside(file)) > len(old)
    with monkeypatch.context() as killed:
        killed.setattr(pieces, "sweep", lambda *_: None)
        save(file, {"a": large() * 3}, {"round": 1})
    assert torch.equal(load(file).tensors["a"], large() * 3)
    save(file, {"a": large() * 3}, {"round": 2})
    assert len(beside(file)) == 5


def test_who_reads_while_the_next_checkpoint_is_written_gets_that(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(file, {"a": large()}, {"round": 0})
    read, moved = pieces.read, []

    def late(*arguments: Any) -> Tensor:
        if not moved:
            moved.append(True)
            save(file, {"a": large() * 2}, {"round": 1})
        return read(*arguments)

    monkeypatch.setattr(pieces, "read", late)
    state = load(file)
    assert state.facts == {"round": 1}
    assert torch.equal(state.tensors["a"], large() * 2)


def test_pieces_that_are_missing_or_changed_are_named(file: Path) -> None:
    save(file, {"a": large()}, {})
    first = file.parent / min(beside(file))
    whole = first.read_bytes()
    for data in (whole[:-1], whole + b"\0", whole[:9] + b"\1" + whole[10:]):
        first.write_bytes(data)
        with pytest.raises(ValueError, match=rf"is damaged \({first.name} is not what was written\); restore it"):
            load(file)
    first.unlink()
    with pytest.raises(ValueError, match=rf"is damaged \({first.name} beside it is missing\); restore it"):
        load(file)


def of_format(name: str, tensors: dict[str, Tensor], text: str) -> bytes:
    return bytes_of(tensors, metadata={name: f"{checkpoint._checksum(tensors, text)} {text}"})


def test_checkpoints_of_the_first_format_are_read(file: Path) -> None:
    """They kept everything in one file, places of what is not zero as int64."""
    mostly = torch.zeros(100, 200)
    mostly[3, 5], mostly[60, 7] = 0.5, -2.0
    packed = {
        "mostly@places": torch.tensor([605, 12007]),
        "mostly@values": torch.tensor([0.5, -2.0]),
        "mostly@shape": torch.tensor([100, 200]),
    }
    file.parent.mkdir()
    file.write_bytes(of_format("smalti", {"large": large().contiguous()} | packed, json.dumps(FACTS)))
    state = load(file)
    assert state.facts == FACTS
    assert same_bytes(state.tensors["large"], large().contiguous())
    assert same_bytes(state.tensors["mostly"], mostly)


def test_a_later_format_is_refused_with_the_cure(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(of_format("smalti 3", {}, "{}"))
    message = r"state\.safetensors cannot be read: its format is 'smalti 3', this version .* 'smalti 2'; update it, or"
    with pytest.raises(ValueError, match=message) as refused:
        load(file)
    assert "damaged" not in str(refused.value)
