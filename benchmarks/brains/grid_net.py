"""Rate units on a grid, and what their connections cost: the net of ``growing_brains.py``.

    r[t+1] = (1 - a) r[t] + a relu(W r[t] + U x[t] + b),  z[t] = V r[t+1] + c

Unit i sits at place p_i of a square grid. The penalty on the weights is

    strength  sum over weights of cost |w|,  cost of W_ij = (d(p_i, p_j) + l0) / mean or 1,  of U and V 1

with d rows plus columns between both places (BIMT: Liu, Gan, Tegmark 2023, arXiv 2305.08746); inputs and outputs have
no place. The mean is that of d + l0 over all pairs, so that a strength is the same pull with lengths and without.

The step of the penalty is proximal, in the metric of Adam: after the optimiser's step each weight shrinks by

    rate strength cost / (sqrt(v) + eps)

with v Adam's own second moment of its gradient, and stops at zero (proximal Adam: Melchior, Joseph & Moolekamp 2019,
arXiv 1910.10094). So the fixed points are those of loss plus penalty, as in the paper: a weight stays at zero while
its mean gradient is smaller than strength times cost. A plain subgradient beside Adam has the same fixed points, but
weights tremble around zero without ever reaching it. ``smalti.model.wiring_cost`` shrinks by rate times strength alone,
so that its penalty is compared with how consistent a gradient is and not with how large, which is another objective.

A swap lets two units change places. Weights stay where they are, so the function stays the same bits. With A_ik the sum
of |W_ik| and |W_ki| (A_ii = 0), P_kj = d(p_k, p_j) and F = A P, what swapping i and j adds to sum |W| d is

    F_ij + F_ji - F_ii - F_jj + 2 A_ij P_ij

as F_ij is what the connections of i would cost at the place of j, but counts those with j, which moves away, as none.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class GridNet(nn.Module):
    """Rate units that hear inputs and each other.

    Args:
        inputs: I.
        units: N, a square number.
        outputs: O.
        leak: a, the share of a unit's rate that is new in a step.
        local: l0.
    """

    def __init__(self, inputs: int, units: int, outputs: int, leak: float, local: float) -> None:
        super().__init__()
        self.leak, self.local, self.side = leak, local, math.isqrt(units)
        self.hear = nn.Linear(inputs, units)
        self.recurrent = nn.Parameter(nn.init.orthogonal_(torch.empty(units, units)))  # [to, from]
        self.say = nn.Linear(units, outputs)
        self.place = np.arange(units)  # [N] of every unit
        self._costs: Tensor | None = None  # of recurrent weights, until somebody moves

    def rates(self, x: Tensor) -> Tensor:
        """Rates [B, T, N] for inputs [B, T, I], all 0 at first."""
        heard = self.hear(x).transpose(0, 1)
        rate, rates = torch.zeros_like(heard[0]), list[Tensor]()
        turned = self.recurrent.T
        for now in heard.unbind(0):
            rate = torch.lerp(rate, torch.relu(torch.addmm(now, rate, turned)), self.leak)
            rates.append(rate)
        return torch.stack(rates, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [B, T, O] for inputs [B, T, I]."""
        said: Tensor = self.say(self.rates(x))
        return said

    @property
    def apart(self) -> Floats:
        """Rows plus columns between units [N, N]."""
        return distances(self.side)[np.ix_(self.place, self.place)]

    @property
    def weight(self) -> Floats:
        """|W| [N, N], source by target, loops left out."""
        weight: Floats = self.recurrent.detach().abs().double().T.numpy().copy()
        np.fill_diagonal(weight, 0.0)
        return weight

    @property
    def length(self) -> float:
        """Rows plus columns that a unit of |W| travels, mean."""
        return float((self.weight * self.apart).sum() / (self.weight.sum() or 1.0))

    @torch.no_grad()
    def shrink(self, adam: torch.optim.Adam, strength: float, lengths: bool) -> None:
        """Take the proximal step of the penalty, in place.

        Args:
            adam: the optimiser, which has just made a step.
            strength: of the penalty.
            lengths: whether recurrent weights cost their length; else all cost 1.
        """
        one = torch.tensor(1.0)
        costs = self.costs if lengths else one
        for weight, cost in ((self.recurrent, costs), (self.hear.weight, one), (self.say.weight, one)):
            by = strength * cost * _reach(adam, weight)
            weight.copy_(weight.sign() * torch.relu(weight.abs() - by))

    @property
    def costs(self) -> Tensor:
        """Cost of every recurrent weight [N, N] by its length."""
        if self._costs is None:
            length = torch.from_numpy(self.apart + self.local).to(self.recurrent)
            self._costs = length / length.mean()
        return self._costs

    def swap(self, tried: int) -> int:
        """Let the units of the largest total |W| change places with whom it shortens their connections most.

        Args:
            tried: how many units look for a partner, one after the other.

        Returns:
            How many found one.
        """
        between = self.weight + self.weight.T
        found = 0
        for unit in np.argsort(-between.sum(1), kind="stable")[:tried].tolist():
            added = swaps_add(between, self.apart, unit)
            other = int(added.argmin())
            if added[other] < -1e-9:
                self.exchange(unit, other)
                found += 1
        return found

    def exchange(self, unit: int, other: int) -> None:
        """Two units change places."""
        self.place[[unit, other]] = self.place[[other, unit]]
        self._costs = None


def _reach(adam: torch.optim.Adam, weight: Tensor) -> Tensor:
    """How far a gradient of 1 would move each weight, by Adam's second moments."""
    group, state = adam.param_groups[0], adam.state[weight]
    square = state["exp_avg_sq"] / (1 - group["betas"][1] ** float(state["step"]))
    reach: Tensor = group["lr"] / (square.sqrt() + group["eps"])
    return reach


def distances(side: int) -> Floats:
    """Rows plus columns between the places of a square grid [side^2, side^2]."""
    row, column = np.divmod(np.arange(side * side), side)
    apart: Floats = np.abs(row[:, None] - row) + np.abs(column[:, None] - column).astype(np.float64)
    return apart


def swaps_add(between: Floats, apart: Floats, unit: int) -> Floats:
    """What swapping a unit with every other adds to the sum of |W| times distance [N]; 0 with itself. See the module.

    Args:
        between: sum of the weights of both directions [N, N], symmetric, 0 on the diagonal.
        apart: distance between units [N, N], symmetric, 0 on the diagonal.
        unit: i.
    """
    now = (between * apart).sum(1)
    there, here = between[unit] @ apart, between @ apart[:, unit]
    added: Floats = there + here - now[unit] - now + 2 * between[unit] * apart[unit]
    added[unit] = 0.0
    return added
