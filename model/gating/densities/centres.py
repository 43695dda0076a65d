"""Running sums of classes that have several centres each, and linear discriminants from them. Knows no chip.

A sample belongs to the centre of its class that is nearest to it when it comes, and moves that; the first samples of a
class are its first centres (sequential k-means, MacQueen 1967). One covariance S within centres is shared by all, as in
streaming linear discriminant analysis (``networks.lda``), and follows exactly from numbers, sums and the sum of all
outer products, whatever the batches. With m_k and n_k mean and number of centre k, mu the mean of all centres,

    S' = (1 - e) S + e (tr S / F) I
    z_k(f) = w_k^T f + b_k,     w_k = S'^-1 (m_k - mu),     b_k = -1/2 (m_k + mu)^T w_k + log (n_k / n of its class)

is the log density of a sample at f beside centre k, up to a constant of all centres; a class is the sum of its centres.
Everything is float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from smalti.model.gating.densities.density import FLOOR

SHRINKAGE = 0.1
"""e; on validation data of digits and fsdd .1 and .3 are level."""


@dataclass
class Centres:
    """What is kept of all classes; samples are not."""

    features: int  # F
    most: int  # centres of a class
    count: dict[int, Tensor] = field(default_factory=dict)  # class -> samples of each of its centres [k]
    total: dict[int, Tensor] = field(default_factory=dict)  # class -> sum of features of each [k, F]

    def __post_init__(self) -> None:
        self.outer = torch.zeros((self.features, self.features), dtype=torch.float64)  # sum of outer products

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes that have been seen, ascending."""
        return tuple(sorted(self.count))

    @property
    def stored_values(self) -> int:
        """Number and sum of every centre, and all outer products."""
        return sum(len(counts) for counts in self.count.values()) * (self.features + 1) + self.features**2

    def add(self, f: Tensor, labels: Tensor) -> None:
        """Take in features [B, F] of samples with these labels [B], one after the other."""
        for row, label in zip(f, labels.tolist(), strict=True):
            self._add(row, label)
        self.outer.addmm_(f.T, f)

    def _add(self, row: Tensor, label: int) -> None:
        if label not in self.count:
            self.count[label], self.total[label] = row.new_ones(1), row[None].clone()
            return
        count, total = self.count[label], self.total[label]
        if len(count) < self.most:
            self.count[label], self.total[label] = torch.cat([count, row.new_ones(1)]), torch.cat([total, row[None]])
            return
        nearest = int((row - total / count[:, None]).square().sum(1).argmin())
        count[nearest] += 1
        total[nearest] += row

    def merge(self, label: int, most: int) -> None:
        """Leave a class at most so many centres: those two become one, again and again, that lose least by it.

        What is lost is the squared distance of samples from their centres (Ward 1963).
        """
        while len(self.count[label]) > most:
            count, total, means = self.count[label], self.total[label], self.means(label)
            loss = torch.cdist(means, means).square() * count * count[:, None] / (count + count[:, None])
            one, other = divmod(int(loss.fill_diagonal_(torch.inf).argmin()), len(count))
            rest = torch.arange(len(count)) != other
            count[one] += count[other]
            total[one] += total[other]
            self.count[label], self.total[label] = count[rest], total[rest]

    def means(self, label: int) -> Tensor:
        """Centres of a class [k, F]."""
        return self.total[label] / self.count[label][:, None]

    def mean(self) -> Tensor:
        """Of all samples [F]."""
        samples = sum(float(count.sum()) for count in self.count.values())
        return torch.stack([self.total[label].sum(0) for label in self.classes]).sum(0) / max(samples, 1.0)

    def covariance(self) -> Tensor:
        """S' [F, F]; its mean variance is at least ``FLOOR``."""
        within, samples = self.outer.clone(), 0.0
        for label in self.classes:  # in this order, whichever came first
            within -= self.total[label].T @ self.means(label)
            samples += float(self.count[label].sum())
        return _shrunk(within / max(samples, 1.0))

    def discriminants(self, asked: Sequence[tuple[int, int]], chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Linear discriminants that use some features alone.

        Args:
            asked: which, as (class, number of the centre) [D], one at least.
            chosen: features [F] bool.

        Returns:
            Weights [F, D], 0 for features that are not used, and offsets [D].
        """
        weights = torch.zeros((self.features, len(asked)), dtype=torch.float64)
        means = torch.stack([self.total[c][k] / self.count[c][k] for c, k in asked])[:, chosen]
        share = torch.stack([self.count[c][k] / self.count[c].sum() for c, k in asked])
        middle = means.mean(0)
        weights[chosen] = torch.linalg.solve(self.covariance()[chosen][:, chosen], (means - middle).T)
        return weights, share.log() - 0.5 * ((means + middle) * weights[chosen].T).sum(1)

    def indicators(self, classes: tuple[int, ...]) -> tuple[Tensor, Tensor, float]:
        """Normal equations of these classes' indicators, all samples' features and indicators less their means.

        Returns:
            G [F, F], shrunk as the covariance is, M [F, C], and the power of the indicators.
        """
        count = torch.stack([self.count[c].sum() for c in self.classes])
        total = torch.stack([self.total[c].sum(0) for c in self.classes])
        samples, mean = count.sum(), total.sum(0) / count.sum()
        places = [self.classes.index(c) for c in classes]
        share = (count / samples)[places]
        moment = ((total - count[:, None] * mean) / samples)[places].T
        gram = _shrunk(self.outer / samples - torch.outer(mean, mean))
        return gram, moment, float((share * (1.0 - share)).sum())

    def state_dict(self) -> dict[str, Tensor]:
        """All that is held, classes ascending."""
        sizes = [[c, len(self.count[c])] for c in self.classes]
        counts, totals = torch.zeros(0, dtype=torch.float64), torch.zeros((0, self.features), dtype=torch.float64)
        return {
            "centres": torch.tensor(sizes, dtype=torch.int64).reshape(-1, 2),
            "counts": torch.cat([counts, *(self.count[c] for c in self.classes)]),
            "totals": torch.cat([totals, *(self.total[c] for c in self.classes)]),
            "outer": self.outer.clone(),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` of as many features gave."""
        classes, sizes = (column.tolist() for column in state["centres"].unbind(1))
        counts, totals = (torch.split(state[name], sizes) if sizes else () for name in ("counts", "totals"))
        self.count = {label: part.clone() for label, part in zip(classes, counts, strict=True)}
        self.total = {label: part.clone() for label, part in zip(classes, totals, strict=True)}
        self.outer = state["outer"].clone()


def _shrunk(covariance: Tensor) -> Tensor:
    """A covariance [F, F] drawn towards its mean variance."""
    variance = max(float(covariance.diagonal().mean()), FLOOR)
    return (1.0 - SHRINKAGE) * covariance + SHRINKAGE * variance * torch.eye(len(covariance), dtype=torch.float64)
