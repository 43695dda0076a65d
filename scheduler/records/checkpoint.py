"""The state of a run, from which a killed run continues bit for bit. Knows not what it means.

Tensors are kept as safetensors, all else as JSON in the metadata of the same file; nothing is ever pickled. A
checksum over both finds damage that leaves the file readable. What a state holds, ``Simulation.state_dict`` says.

Most devices of a chip are not in use. Of a tensor that is mostly zeros the others alone are kept, as three tensors:
their places in it laid flat, their values, and its shape. Other large tensors, such as the covariances of a gating
network, stand in pieces beside the file (``records.pieces``), which refers to them: what has not changed since the
last checkpoint is not written again.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor

from smalti.scheduler.records import pieces
from smalti.scheduler.records.atomic import sync_folder, write_bytes_atomic
from smalti.scheduler.records.pieces import LARGE, Cut

# Names of the metadata; the first, whose runs are still shown, knew no pieces.
FORMAT, FIRST_FORMAT = "smalti 2", "smalti"
SMALL = 4096  # numbers; smaller tensors are kept as they are
MOSTLY = 0.25  # bytes of what is not zero, with its places, by those of all, up to which that alone is kept
PARTS = ("@places", "@values", "@shape")  # of a tensor of which only what is not zero is kept
INDEX = torch.int32  # of places, for tensors of fewer numbers than it can count
WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # bytes of a number -> integers as wide

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved; tensors are on the CPU."""

    tensors: dict[str, Tensor]
    facts: dict[str, JSON]


def save(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, JSON]) -> None:
    """Make this state the current one, in one step: after a kill ``path`` holds the state before or this one.

    Args:
        path: the file, usually ``RunFolder.checkpoint``.
        tensors: any shape and dtype, on any device; stored as they are now.
        facts: plain values; floats and integers of any size come back exactly.

    Raises:
        ValueError: a fact that JSON cannot hold exactly (NaN, infinity, tuples, keys that are not text).
    """
    text, folder = _text(facts), path.parent
    folder.mkdir(parents=True, exist_ok=True)
    own: dict[str, Tensor] = {}
    large: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        packed = _packed(name, tensor)
        own |= packed or ({name: _own(tensor)} if tensor.nbytes < LARGE else {})
        large |= {name: tensor} if tensor.nbytes >= LARGE and not packed else {}
    cuts = pieces.write(folder, large)
    text = f'{{"pieces": {json.dumps({name: vars(cut) for name, cut in sorted(cuts.items())})}, "facts": {text}}}'
    # One entry: several would be written in any order, and equal states are to be equal bytes.
    data = bytes_of(own, metadata={FORMAT: f"{_checksum(own, text)} {text}"})
    write_bytes_atomic(path, data)
    sync_folder(folder)
    pieces.sweep(folder, cuts.values())


def load(path: Path) -> Checkpoint:
    """The state that was saved last, by this version or an older one.

    Raises:
        FileNotFoundError: nothing has been saved there yet.
        ValueError: the file is damaged, or a newer version wrote it.
    """
    while True:
        data = path.read_bytes()
        try:
            return _read(path, data)
        except FileNotFoundError as error:  # a piece; whoever writes may have gone on to the next checkpoint meanwhile
            if path.read_bytes() == data:
                raise ValueError(_damaged(path, f"{Path(error.filename).name} beside it is missing")) from error


def _read(path: Path, data: bytes) -> Checkpoint:
    try:
        tensors = tensors_of(data)
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        ((key, content),) = metadata.items()
        if key not in (FORMAT, FIRST_FORMAT):
            raise ValueError(
                f"its format is {key!r}, this version of smalti knows {FORMAT!r}; update it if that is older"
            )
        checksum, text = content.split(" ", 1)
        intact = int(checksum) == _checksum(tensors, text)
        known = json.loads(text)
        facts, cuts = (known["facts"], known["pieces"]) if key == FORMAT else (known, {})
        if intact:
            tensors = _unpacked(tensors)
            tensors |= {name: pieces.read(path.parent, Cut.from_plain(cut)) for name, cut in cuts.items()}
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ValueError(_damaged(path, str(error))) from error
    if not intact:
        raise ValueError(_damaged(path, "its checksum does not match its content"))
    return Checkpoint(tensors, facts)


def _damaged(path: Path, why: str) -> str:
    return f"{path} is damaged ({why}); restore it from a copy, or start a new run"


def _packed(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """What of the tensor is not zero in every bit, with its places, if that is much less than all; else nothing."""
    if not SMALL <= tensor.numel() <= torch.iinfo(INDEX).max:
        return {}
    flat = tensor.detach().cpu().contiguous().view(-1)
    used = flat.view(WORDS[flat.element_size()]) != 0
    if int(torch.count_nonzero(used)) * (INDEX.itemsize + flat.element_size()) > MOSTLY * flat.nbytes:
        return {}
    places = used.nonzero().flatten()
    parts = places.to(INDEX), flat[places], torch.tensor(tensor.shape)
    return {name + suffix: part for suffix, part in zip(PARTS, parts, strict=True)}


def _unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole tensors from what ``_packed`` has made of them."""
    whole = {}
    for name, tensor in tensors.items():
        if name.endswith(PARTS[0]):
            name = name.removesuffix(PARTS[0])
            values, shape = (tensors[name + suffix] for suffix in PARTS[1:])
            zeros = torch.zeros(shape.tolist(), dtype=values.dtype)
            zeros.view(-1)[tensor.long()] = values
            whole[name] = zeros
        elif not name.endswith(PARTS):
            whole[name] = tensor
    return whole


def _text(facts: Mapping[str, JSON]) -> str:
    """The facts as JSON, from which equal ones come back."""
    try:
        text = json.dumps(facts, allow_nan=False)
        if json.loads(text) == facts:
            return text
    except (TypeError, ValueError):
        pass
    _check(dict(facts), "facts")
    raise ValueError(f"facts would not come back from JSON equal: {facts!r}")


def _own(tensor: Tensor) -> Tensor:
    """A contiguous copy in memory of its own."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _checksum(tensors: Mapping[str, Tensor], text: str) -> int:
    """CRC-32 over names, dtypes, shapes, bytes and the text of the facts."""
    value = zlib.crc32(text.encode())
    for name, tensor in sorted(tensors.items()):
        value = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), value)
        value = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, value)
    return value


def _check(value: object, where: str) -> None:
    """Refuse what would not come back equal, saying where it is."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{where} has the key {key!r}; keys must be text")
            _check(item, f"{where}[{key!r}]")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} = {value} has no place in JSON; save it as a tensor or leave it out")
    elif value is not None and not isinstance(value, (bool, int, str)):
        raise ValueError(f"{where} is of type {type(value).__name__}; give plain numbers, text, lists or dicts")
