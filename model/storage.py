"""Tensors that are changed in place, never replaced: others hold them too."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def copy_into(targets: Mapping[str, Tensor], state: Mapping[str, Tensor], whose: str) -> None:
    """Fill each target with the tensor of its name.

    Raises:
        ValueError: a tensor is missing or has another shape; nothing has changed then.
    """
    for name, target in targets.items():
        if name not in state or state[name].shape != target.shape:
            raise ValueError(f"the checkpoint does not fit config.toml: {whose}.{name} is missing or has another shape")
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(state[name])
