"""Linear read-outs over the traces of neurons in closed form, and what hearing one neuron more is worth.

With x the traces of P neurons as an output unit would integrate them, y the targets and w the weights of samples and
steps (mean 1 over both, so that sums are means), the best read-out B minimises

    E w |y - B^T x|^2 + ridge |B|^2,      B = (G + ridge I)^(-1) M,   G = E w x x^T,   M = E w x y^T

Neurons are taken one after the other. Once some are heard, G and M of all others are replaced by what those leave
unexplained (a sweep, that is Gaussian elimination; Beaton 1964), so that |M_p|^2 / G_pp is exactly by how much the
objective falls if p is heard as well: orthogonal least squares (Chen, Billings and Luo 1989).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

TINY = 1e-9  # of a neuron's power, below which what is left of it is rounding


@dataclass
class Regression:
    """Normal equations, and what is left of them as neurons are taken."""

    gram: Tensor  # [P, P] float64: G with the ridge on its diagonal
    moment: Tensor  # [P, O] float64: M
    power: float  # E w |y|^2: the loss of a silent read-out

    def __post_init__(self) -> None:
        self.taken: list[int] = []
        self._gram, self._moment = self.gram.clone(), self.moment.clone()
        self._diagonal = self.gram.diagonal().clone()

    @staticmethod
    def of(parts: Iterable[tuple[Tensor, Tensor, Tensor]], ridge: float) -> Regression:
        """Normal equations of samples and steps, which may come in parts.

        Args:
            parts: traces [S, P], targets [S, O] and weights [S] of some samples and steps; not all weights are 0.
            ridge: added to the diagonal.
        """
        total, power = 0.0, 0.0
        gram, moment = torch.zeros(()), torch.zeros(())
        for traces, targets, weights in parts:
            x, y, w = traces.double(), targets.double(), weights.double()
            weighted = x * w[:, None]
            gram, moment = gram + weighted.T @ x, moment + weighted.T @ y
            power, total = power + float((w[:, None] * y.square()).sum()), total + float(w.sum())
        return Regression(
            gram / total + ridge * torch.eye(len(gram), dtype=torch.float64), moment / total, power / total
        )

    def copy(self) -> Regression:
        """The same equations, nobody taken."""
        return Regression(self.gram, self.moment, self.power)

    def gains(self) -> Tensor:
        """By how much the objective falls if each neuron is heard as well [P]; 0 for those that are."""
        left = self._gram.diagonal()
        gains = self._moment.square().sum(1) / left.clamp(min=1e-300)
        return torch.where(left > TINY * self._diagonal, gains, 0.0)

    def take(self, place: int) -> None:
        """Hear this neuron."""
        row, pivot = self._gram[place].clone(), float(self._gram[place, place])
        self._moment -= row[:, None] * (self._moment[place] / pivot)
        self._gram -= torch.outer(row, row / pivot)
        self.taken.append(place)

    def weights(self) -> Tensor:
        """The best read-out of those taken [taken, O]."""
        chosen = torch.tensor(self.taken, dtype=torch.int64)
        if not self.taken:
            return self.moment[:0]
        weights: Tensor = torch.linalg.solve(self.gram[chosen][:, chosen], self.moment[chosen])
        return weights
