"""Large tensors in files of their own, cut by rows, so that rows that have not changed are not written again.

    piece-DIGEST.bin    the bytes of some rows; DIGEST is theirs (BLAKE2b)

A piece is written once and never changed. It belongs to whatever refers to it by its digest: pieces are written before
that is, and those that it does not refer to are removed after. Knows not what is in them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from smalti.scheduler.records.atomic import sync_folder, write_bytes_atomic

LARGE = 1 << 19  # bytes of a piece, or of a single row that has more; smaller tensors are not cut


@dataclass(frozen=True)
class Cut:
    """A tensor in pieces."""

    dtype: str
    shape: tuple[int, ...]
    digests: tuple[str, ...]  # of its pieces, in their order

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Cut:
        """What JSON has made of ``vars`` of one."""
        return Cut(str(plain["dtype"]), tuple(plain["shape"]), tuple(plain["digests"]))


def write(folder: Path, tensors: Mapping[str, Tensor]) -> dict[str, Cut]:
    """Write the pieces of these tensors that are not in the folder yet; what there is to be referred to."""
    cuts, fresh = {}, False
    for name, tensor in tensors.items():
        whole = tensor.detach().cpu().contiguous()
        row = whole[:1].numel() * whole.element_size()
        digests = []
        for rows in torch.split(whole, math.ceil(LARGE / row)):
            data = rows.reshape(-1).view(torch.uint8).numpy().data
            digests.append(_digest(data))
            file = _file(folder, digests[-1])
            if not file.exists():
                write_bytes_atomic(file, data)
                fresh = True
        cuts[name] = Cut(str(whole.dtype).removeprefix("torch."), tuple(whole.shape), tuple(digests))
    if fresh:
        sync_folder(folder)
    return cuts


def read(folder: Path, cut: Cut) -> Tensor:
    """The tensor again.

    Raises:
        FileNotFoundError: a piece is missing.
        ValueError: a piece was changed.
    """
    whole = bytearray()
    for digest in cut.digests:
        file = _file(folder, digest)
        data = file.read_bytes()
        if _digest(data) != digest:
            raise ValueError(f"{file.name} is not what was written")
        whole += data
    return torch.frombuffer(whole, dtype=getattr(torch, cut.dtype)).view(cut.shape)


def sweep(folder: Path, cuts: Iterable[Cut]) -> None:
    """Remove the pieces of a folder that belong to none of these."""
    kept = {_file(folder, digest) for cut in cuts for digest in cut.digests}
    for file in folder.glob("piece-*.bin"):
        if file not in kept:
            file.unlink(missing_ok=True)


def _file(folder: Path, digest: str) -> Path:
    return folder / f"piece-{digest}.bin"


def _digest(data: bytes | memoryview) -> str:
    return blake2b(data, digest_size=16).hexdigest()
