"""A gating network on the chip: columns of its crossbars are linear discriminants of classes over the input spikes.

It learns as streaming linear discriminant analysis does (Hayes & Kanan 2020, arXiv 1909.01520), with several centres a
class (``densities.centres``), from spike counts: running sums, each training sample shown once. When an experience
has ended, the discriminants are programmed into columns in closed form (``scheduler.growth.gate_columns``), and from
then on the columns answer: what they receive from the spikes of a sample (``model.gating.columns``) is all that is
left to be added up, with an offset for each centre. Neither counts nor squares are needed to answer.

A class without columns, be it that its experience lasts or that the chip had no room, has no score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from smalti.model.gating.assignment import Assignment
from smalti.model.gating.columns import Column, Programme, program, received
from smalti.model.gating.densities.centres import Centres
from smalti.model.gating.densities.mixture import check_state, expert_scores
from smalti.model.gating.features import checked_counts, checked_features, checked_labels, like
from smalti.model.gating.novelty_scale import FIRST, Spread, novelty_of
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import Hears


class CrossbarGating:
    """Linear discriminants in columns; implements ``GatingNetwork``.

    ``observe`` and ``novelty`` take counts [B, F]; ``scores`` and ``class_scores`` what columns have received [B, P].
    """

    hears: Hears = "columns"

    def __init__(self, options: GatingOptions, features: int) -> None:
        self.options = options
        self.features = checked_features(features)  # F
        self.windows = max(options.windows, 1)
        self.assignment = Assignment()
        self.centres = Centres(self.features, options.crossbar.centres)
        self.columns: tuple[Column, ...] = ()
        self.gain, self.offsets = 1.0, torch.zeros(0, dtype=torch.float64)  # [D] of the centres of ``classes``
        self._spreads: dict[int, Spread] = {}  # class -> distances of its samples before they were learned
        self._factor: Tensor | None = None  # [F, F] Cholesky factor of the covariance; None when out of date

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes that have columns, ascending."""
        return tuple(sorted({column.label for column in self.columns}))

    @property
    def discriminants(self) -> tuple[tuple[int, int], ...]:
        """Centres that have columns, as (class, number of the centre), ascending [D]."""
        return tuple(sorted({(column.label, column.centre) for column in self.columns}))

    @property
    def without_columns(self) -> tuple[tuple[int, int], ...]:
        """Centres that have none, likewise."""
        every = {(label, k) for label, count in self.centres.count.items() for k in range(len(count))}
        return tuple(sorted(every - {*self.discriminants}))

    def columns_of(self, label: int) -> int:
        """Centres of a class that have columns."""
        return sum(known == label for known, _ in self.discriminants)

    @property
    def slots(self) -> Tensor:
        """Slots of the columns [P] int."""
        return torch.tensor([column.slot for column in self.columns], dtype=torch.int64)

    @property
    def stored_values(self) -> int:
        """Sums and a factor of the covariance, offsets and gain, three numbers a class for novelty, the assignment."""
        learned = self.centres.stored_values + self.features**2 + 3 * len(self._spreads)
        return learned + len(self.offsets) + 1 + 2 * len(self.assignment.expert_of)

    @property
    def adds_per_sample(self) -> int:
        """Off the chip: reading the columns, the sum of those of a centre, its offset, the logsumexp."""
        ends = sum(2 if column.window else 1 for column in self.columns)
        return ends + len(self.columns) + len(self.offsets)

    @property
    def multiplications_per_sample(self) -> int:
        """Off the chip: two to read a column, the gain of a centre."""
        return 2 * len(self.columns) + len(self.offsets)

    def observe(self, counts: Tensor, labels: Tensor, task: int) -> None:
        """Add counts [B, F] of labelled samples [B] int to their classes. The task is not used.

        Raises:
            ValueError: counts or labels of wrong shape, not finite or negative; nothing is learned then.
        """
        f = checked_counts(counts, self.features)
        checked = checked_labels(labels, len(f))
        for label in torch.unique(checked).tolist():  # measured before anything is learned
            spread = self._spreads.setdefault(label, Spread())
            if label in self.centres.count and float(self.centres.count[label].sum()) >= FIRST:
                spread.note(self._distances(f[checked == label], label))
        self.centres.add(f, checked)
        self._factor = None

    def program(self, columns: Sequence[Column], heard: Tensor, absent: Tensor | None = None) -> Programme:
        """Answer by these columns from now on; what their devices are to be.

        Args:
            columns: of centres that there are, P of them, one at least.
            heard: features [F] bool that columns hear.
            absent: channels [I, P] bool that a column would hear, were there a row for them where it stands: what they
                add is taken to be what it is on average. By default there are none.
        """
        self.columns = tuple(columns)
        discriminants, self.offsets = self.centres.discriminants(self.discriminants, heard)
        programme = program(columns, discriminants, self._places(), self.features // self.windows)
        self.gain = programme.gain
        if absent is not None:
            average = self.centres.mean().view(self.windows, -1)[[column.window for column in columns]].T  # [I, P]
            usual = (programme.weights * average).masked_fill(~absent, 0).sum(0)
            self.offsets.index_add_(0, self._places(), self.gain * usual)
        return programme

    def read(self, membrane: Tensor, leak: float) -> Tensor:
        """What the columns have received [B, P] float64, of their membranes at every step [T, P, B]."""
        windows = torch.tensor([column.window for column in self.columns], dtype=torch.int64)
        return received(membrane, windows, self.windows, leak)

    def class_scores(self, counts: Tensor) -> Tensor:
        """Log densities [B, classes] up to a constant, of what columns have received [B, P]; ValueError without any."""
        if not self.columns:
            raise ValueError("the gating network has no columns yet; call observe and program first")
        return like(counts, self._density(counts))

    def scores(self, counts: Tensor) -> Tensor:
        """log p(expert | x) [B, E], of what columns have received [B, P]: ``mixture.expert_scores``.

        Raises:
            ValueError: no expert has been assigned, or there are not so many columns.
        """
        density = self._density(counts) / self.options.temperature
        return like(counts, expert_scores(density, self.classes, self.assignment))

    def novelty(self, counts: Tensor) -> float:
        """Squared distances from the nearest centre of each class, in their own deviations, for counts [B, F]."""
        f = checked_counts(counts, self.features)
        distances = [self._distances(f, label) for label in self._spreads]
        return novelty_of(list(self._spreads.values()), distances, len(f))

    def state_dict(self) -> dict[str, Tensor]:
        """Sums, columns, offsets and assignment as tensors."""
        columns = [[one.slot, one.label, one.centre, one.window] for one in self.columns]
        spreads = [[one.sum1, one.sum2] for one in self._spreads.values()]
        measured = [[label, one.measured] for label, one in self._spreads.items()]
        return {
            **self.assignment.state_dict(),
            **self.centres.state_dict(),
            "columns": torch.tensor(columns, dtype=torch.int64).reshape(-1, 4),
            "offsets": self.offsets.clone(),
            "gain": torch.tensor([self.gain], dtype=torch.float64),
            "measured": torch.tensor(measured, dtype=torch.int64).reshape(-1, 2),
            "spreads": torch.tensor(spreads, dtype=torch.float64).reshape(-1, 2),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave.

        Raises:
            ValueError: a tensor is missing or is of another number of features; nothing changes then.
        """
        check_state("crossbar", state, self.state_dict())
        if state["totals"].shape[1] != self.features:
            raise ValueError(
                f"the state has {state['totals'].shape[1]} features, the network {self.features}; "
                "load it with the stream and gating.windows it was saved with"
            )
        self.assignment.load_state_dict(dict(state))
        self.centres.load_state_dict(dict(state))
        self.columns = tuple(Column(*row) for row in state["columns"].tolist())
        self.offsets, self.gain = state["offsets"].clone(), float(state["gain"][0])
        self._spreads = {
            label: Spread(measured=measured, sum1=sum1, sum2=sum2)
            for (label, measured), (sum1, sum2) in zip(
                state["measured"].tolist(), state["spreads"].tolist(), strict=True
            )
        }
        self._factor = None

    def _places(self) -> Tensor:
        """Discriminant of each column [P]."""
        place = {key: number for number, key in enumerate(self.discriminants)}
        return torch.tensor([place[one.label, one.centre] for one in self.columns], dtype=torch.int64)

    def _density(self, values: Tensor) -> Tensor:
        """Log densities [B, C] float64, of what columns have received [B, P]."""
        if values.ndim != 2 or values.shape[1] != len(self.columns):
            raise ValueError(
                f"values have shape {tuple(values.shape)}; the gating network takes [B, {len(self.columns)}], a number "
                "for each of its columns"
            )
        said = self.offsets.expand(len(values), -1).clone()
        said.index_add_(1, self._places(), self.gain * values.detach().to("cpu", torch.float64))
        sizes = [*Counter(label for label, _ in self.discriminants).values()]
        return torch.stack([part.logsumexp(1) for part in torch.split(said, sizes, 1)], 1) if sizes else said

    def _distances(self, f: Tensor, label: int) -> Tensor:
        """Squared distances [B] of features [B, F] from the nearest centre of a class, in the shared metric."""
        if self._factor is None:
            self._factor = torch.linalg.cholesky(self.centres.covariance())
        from_each = f[:, None] - self.centres.means(label)
        white: Tensor = torch.linalg.solve_triangular(self._factor, from_each.flatten(0, 1).T, upper=False)
        return white.square().sum(0).view(len(f), -1).amin(1)
