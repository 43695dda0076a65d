"""Adam and SGD with momentum over the devices, with a step count for every device.

Newborn devices start with zero moments and a zero count while old ones keep theirs, so that a graft disturbs nobody's
bias correction (Kingma and Ba 2015, arXiv 1412.6980, for the update). A device that does not learn for a while keeps
its moments and its count as they were: it goes on where it stopped. Weight decay is decoupled from the gradient
(Loshchilov and Hutter 2019, arXiv 1711.05101) and can spare newborns. The gradient is clipped at a multiple of its own
running norm.
Where the event-driven engine runs, one pass of numba over the devices that learn takes the place of torch's dozen.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from smalti.model.engines.threads import in_threads
from smalti.model.options import ranges
from smalti.model.options.values import settle
from smalti.model.storage import copy_into

Devices = Tensor | tuple[Tensor, Tensor, Tensor]  # [K, R, n] bool; or tiles, rows and columns, which cost what they are

EPSILON = 1e-8
CHUNK = 1 << 17  # devices that a thread takes at a time; sums have one order, whatever the threads


@dataclass(frozen=True, kw_only=True)
class OptimiserOptions:
    """How weights move.

    Attributes:
        method: adam, or sgd with momentum.
        momentum: momentum of sgd, first-moment decay of adam.
        decay: second-moment decay of adam.
        clip: largest gradient norm allowed, as a multiple of its running mean; 0 does not clip.
        weight_decay: share of a weight that decays in a step, as a multiple of its learning rate; 0 decays nothing.
        guard: steps of its life for which a device is spared from decay.
    """

    method: Literal["adam", "sgd"] = "adam"
    momentum: float = 0.9
    decay: float = 0.999
    clip: float = 2.0
    weight_decay: float = 0.0
    guard: int = 0

    def __post_init__(self) -> None:
        settle(self, "training.optimiser")
        ranges.share_below_1("training.optimiser", self, "momentum", "decay")
        ranges.not_negative("training.optimiser", self, "guard", most=ranges.EVER)
        ranges.weight("training.optimiser", self, "clip", "weight_decay")


@dataclass(frozen=True)
class Moments:
    """State of the optimiser; changed in place."""

    first: Tensor  # [K, R, n] running mean of the gradient
    second: Tensor  # [K, R, n] running mean of its square
    count: Tensor  # [K, R, n] float: steps each device has taken
    norm: Tensor  # [2] on the CPU: running mean of the gradient's norm, and how many steps it has seen

    @staticmethod
    def fresh(weight: Tensor) -> Moments:
        """Moments of devices that have not moved yet."""
        blank = torch.zeros_like(weight, requires_grad=False)
        return Moments(blank, blank.clone(), blank.clone(), torch.zeros(2, dtype=torch.float64))

    def state_dict(self) -> dict[str, Tensor]:
        """All moments."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave, in place.

        Raises:
            ValueError: a tensor is missing or has another shape; nothing has changed then.
        """
        copy_into(self.state_dict(), state, "moments")

    def reset(self, devices: Devices) -> None:
        """Forget all about these devices."""
        for moment in (self.first, self.second, self.count):
            moment[devices] = 0


def step(
    weight: Tensor,
    gradient: Tensor,
    learns: Tensor,
    moments: Moments,
    rate: float,
    options: OptimiserOptions,
    factors: Tensor | None = None,
    fused: bool = False,
    threads: int | None = None,
) -> float:
    """Move the devices that learn, in place.

    Args:
        weight, gradient: [K, R, n].
        learns: devices that may move [K, R, n] bool (in use and not frozen).
        moments: optimiser state.
        rate: learning rate.
        options: method and constants.
        factors: learning rate of every device as a multiple of ``rate`` [K, R, n]; None where all are 1.
        fused: use numba; on the CPU only. The numbers are the same but for rounding.
        threads: most threads of numba; None for as many as torch has.

    Returns:
        Norm of the gradient over the learning devices, before clipping.

    Raises:
        FloatingPointError: for a gradient that is not finite; nothing has changed then.
    """
    if fused:
        return _fused(weight, gradient, learns, moments, rate, options, factors, threads)
    gradient = gradient * learns
    norm = _finite(float(torch.linalg.vector_norm(gradient)))
    gradient.mul_(_clipping(norm, moments, options.clip))
    moments.count.add_(learns)
    rates = rate if factors is None else factors * rate
    if options.method == "sgd":
        _where(learns, moments.first, moments.first.mul(options.momentum).add_(gradient))
        update = moments.first * rates
    else:
        _where(learns, moments.first, moments.first.lerp(gradient, 1 - options.momentum))
        second = moments.second.mul(options.decay).addcmul_(gradient, gradient, value=1 - options.decay)
        _where(learns, moments.second, second)
        steps = moments.count.clamp(min=1)
        mean = moments.first / (1 - options.momentum**steps)
        spread = (moments.second / (1 - options.decay**steps)).sqrt_()
        update = mean.mul_(rates).div_(spread.add_(EPSILON))
    if options.weight_decay:
        update.add_(weight.detach() * (moments.count > options.guard) * rates, alpha=options.weight_decay)
    weight.data.sub_(update.mul_(learns))
    return norm


def _where(learns: Tensor, moment: Tensor, moved: Tensor) -> None:
    """Move a moment in place, of the devices that learn."""
    torch.where(learns, moved, moment, out=moment)


def _fused(
    weight: Tensor,
    gradient: Tensor,
    learns: Tensor,
    moments: Moments,
    rate: float,
    options: OptimiserOptions,
    factors: Tensor | None,
    threads: int | None,
) -> float:
    """``step`` in numba."""
    kernels = importlib.import_module("smalti.model.engines.events.kernels.optimiser")
    tensors = weight.detach(), gradient.contiguous(), moments.first, moments.second, moments.count
    w, g, first, second, count = (tensor.numpy().reshape(-1) for tensor in tensors)  # views: some are changed in place
    scales = None if factors is None else factors.contiguous().numpy().reshape(-1)
    learning = np.flatnonzero(learns.numpy())
    ends = np.searchsorted(learning, range(CHUNK, w.size, CHUNK))
    chunks = np.split(learning, ends) if len(ends) else [learning]
    squares = np.zeros(len(chunks))

    def add_up(number: int) -> None:
        squares[number] = kernels.squared_norm(g, chunks[number])

    in_threads(add_up, range(len(chunks)), threads)
    norm = _finite(math.sqrt(squares.sum()))
    factor = _clipping(norm, moments, options.clip)
    guard = options.guard if options.weight_decay else math.inf
    numbers = factor, rate, options.momentum, options.decay, EPSILON, 1, options.weight_decay, guard
    constants = np.array(numbers, dtype=w.dtype)
    corrections = _corrections(options.momentum, options.decay, w.dtype)

    def move(chunk: Any) -> None:
        if options.method == "sgd":
            kernels.momentum(w, g, chunk, first, count, scales, constants)
        else:
            kernels.adam(w, g, chunk, first, second, count, scales, corrections, constants)

    in_threads(move, chunks, threads)
    return norm


def _finite(norm: float) -> float:
    if not math.isfinite(norm):
        raise FloatingPointError("the gradient is not finite; lower training.learning_rate")
    return norm


@lru_cache(maxsize=8)
def _corrections(momentum: float, decay: float, dtype: Any) -> Any:
    """1 / (1 - decay ** steps) for both moments [2, steps], up to where it is 1 in this precision."""
    tiny = float(np.finfo(dtype).eps) / 4
    longest = [math.log(tiny) / math.log(keep) if keep > 0 else 1 for keep in (momentum, decay)]
    steps = np.maximum(np.arange(math.ceil(max(longest)) + 2), 1)
    return np.stack([1 / (1 - keep**steps) for keep in (momentum, decay)]).astype(dtype)


def _clipping(norm: float, moments: Moments, clip: float) -> float:
    """Factor that keeps the norm within ``clip`` times its running mean; updates that mean."""
    mean, seen = moments.norm.tolist()
    factor = min(1.0, clip * mean / norm) if clip and seen >= 10 and mean > 0 and norm > 0 else 1.0
    keep = min(0.98, seen / (seen + 1))
    mean = keep * mean + (1 - keep) * norm * factor
    moments.norm.numpy()[:] = mean, seen + 1
    return factor
