"""A gate of several stages: cheap ones first, the next one only where the one before is not sure.

A stage is sure of a sample where the log densities of its two most probable classes are apart by its margin at least.
Else the next stage is asked, about the most probable ``gating.stages.classes`` of them alone; the last one answers in
any case. Such a cascade (Viola & Jones 2001, doi 10.1109/CVPR.2001.990517) costs what easy samples cost. Where stages
hear more of a sample one after another (``gating.stages.heard``), it exits early: it answers as soon as it is sure.

Margins that nobody gives are chosen on the validation samples of every task when it has ended: the smallest one with
which no more of them are wrong than if all were asked on. A stage takes the largest that any task has wanted; until one
has ended, it is never sure. What later classes do to samples of old tasks is not measured, for those are gone by then.

The first stage may stand on the chip (``networks.crossbar``). What its columns have received is then shown beside the
counts that the other stages hear. Where a class has no columns, the next stage is always asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from smalti.model.gating.assignment import Assignment
from smalti.model.gating.densities.mixture import UNKNOWN, check_state, expert_scores
from smalti.model.gating.features import checked_counts, checked_features, checked_labels, like
from smalti.model.gating.networks.crossbar import CrossbarGating
from smalti.model.gating.networks.gaussian import GaussianGating
from smalti.model.gating.networks.lda import LdaGating
from smalti.model.gating.networks.levels import LevelsGating
from smalti.model.gating.networks.prototype import PrototypeGating
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import GatingNetwork, Hears
from smalti.model.options.values import shown
from smalti.model.work import Work

STAGES: dict[str, Callable[[GatingOptions, int], GatingNetwork]] = {
    "gaussian": GaussianGating,
    "lda": LdaGating,
    "prototype": PrototypeGating,
    "crossbar": CrossbarGating,
}
"""Gating networks that can be stages: their work is in proportion to the classes that they are asked about."""


class StagedGating:
    """Gates asked one after another; implements ``GatingNetwork`` and ``Staged``.

    Raises:
        ValueError: a stage is no density of classes, or hears more windows than there are, or columns of the chip are
            not the first stage, or not to hear all windows.
    """

    def __init__(self, options: GatingOptions, features: int) -> None:
        self.options = options
        self.features = checked_features(features)  # F
        self.windows = max(options.windows, 1)
        stages = options.stages
        self.heard = stages.heard or (self.windows,) * len(stages.networks)
        if self.heard[-1] > self.windows:
            raise ValueError(
                f"gating.stages.heard = {self.heard} is more than the {self.windows} windows there are; "
                f"set gating.windows = {self.heard[-1]}"
            )
        unknown = [name for name in stages.networks if name not in STAGES]
        if unknown:
            raise ValueError(f"gating.stages.networks: {unknown[0]!r} can be no stage; take {', '.join(STAGES)}")
        channels = self.features // self.windows
        widths = [channels * (1 if stages.merged else windows) for windows in self.heard]
        self._stages = [STAGES[name](options, width) for name, width in zip(stages.networks, widths, strict=True)]
        self.hears: Hears = "inputs" if self.chip is None else "columns"
        self._check_chip()
        self.assignment = Assignment()
        self._wanted = [-math.inf] * (len(self._stages) - 1)  # margins; none yet

    def _check_chip(self) -> None:
        stages = self.options.stages
        if "crossbar" in stages.networks[1:]:
            raise ValueError(
                f"gating.stages.networks = {shown(stages.networks)}: columns of the chip run for every sample, so that "
                "crossbar can be the first stage alone"
            )
        if self.chip is not None and (stages.merged or self.heard[0] != self.windows):
            raise ValueError(
                "gating.stages.networks: columns of the chip are read at the end of all windows, so that crossbar goes "
                "neither with gating.stages.merged nor with stages.heard of fewer windows; leave both out"
            )

    @property
    def chip(self) -> CrossbarGating | None:
        """The first stage, where that stands on the chip."""
        first = self._stages[0]
        return first if isinstance(first, CrossbarGating) else None

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes observed, ascending."""
        return self._stages[-1].classes

    @property
    def margins(self) -> tuple[float, ...]:
        """From which margin on each stage but the last is sure, nats; inf: never."""
        given = self.options.stages.margin
        return tuple(given or (math.inf if wanted == -math.inf else wanted) for wanted in self._wanted)

    @property
    def stored_values(self) -> int:
        """Those of the stages, their margins, and the assignment."""
        stages = sum(stage.stored_values for stage in self._stages)
        return stages + len(self._wanted) + 2 * len(self.assignment.expert_of)

    @property
    def adds_per_sample(self) -> int:
        """Those of a sample for which all stages are asked."""
        return math.ceil(sum(stage.additions for stage in self._works()))

    @property
    def multiplications_per_sample(self) -> int:
        """Those of a sample for which all stages are asked."""
        return math.ceil(sum(stage.multiplications for stage in self._works()))

    def _works(self) -> list[Work]:
        """What each stage takes for the classes that it is asked about."""
        share = min(self.options.stages.classes or len(self.classes), len(self.classes)) / max(len(self.classes), 1)
        asked = [1.0, *[share] * (len(self._stages) - 1)]
        works = [Work(stage.adds_per_sample, stage.multiplications_per_sample) for stage in self._stages]
        return [work * part for work, part in zip(works, asked, strict=True)]

    def work(self, last: Tensor) -> Work:
        """What samples take for which these stages [B] answer, means; each has asked all stages before it too."""
        works = self._works()
        return sum((work * float((last >= stage).double().mean()) for stage, work in enumerate(works)), Work())

    def observe(self, counts: Tensor, labels: Tensor, task: int) -> None:
        """Teach every stage counts [B, F] of labelled samples [B] int, as far as it hears them.

        Raises:
            ValueError: counts or labels of wrong shape, not finite or negative; nothing is learned then.
        """
        checked = checked_counts(counts, self.features)
        labels = checked_labels(labels, len(checked))
        for number, stage in enumerate(self._stages):
            stage.observe(self._part(checked, number), labels, task)

    def class_scores(self, counts: Tensor) -> Tensor:
        """Log densities [B, classes] by the stage that answers; very low for classes that it was not asked about."""
        heard = self._heard(counts)
        if not self.classes:
            raise ValueError("the gating network has observed nothing yet; call observe first")
        return like(counts, self._answers(heard)[0])

    def scores(self, counts: Tensor) -> Tensor:
        """log p(expert | x) [B, E] for counts [B, F]: ``mixture.expert_scores`` at ``gating.temperature``.

        Raises:
            ValueError: no expert has been assigned, or counts are refused.
        """
        density = self._answers(self._heard(counts))[0] / self.options.temperature
        return like(counts, expert_scores(density, self.classes, self.assignment))

    def last_asked(self, counts: Tensor) -> Tensor:
        """The stage that answers [B] int for counts [B, F]."""
        return self._answers(self._heard(counts))[1]

    def novelty(self, counts: Tensor) -> float:
        """What the last stage says of counts [B, F]: it hears most and knows most."""
        checked = checked_counts(counts, self.features)
        return self._stages[-1].novelty(self._part(checked, len(self._stages) - 1))

    def tune(self, counts: Tensor, labels: Tensor) -> None:
        """Choose margins by validation samples of a task that has ended: counts [B, F], labels [B]."""
        heard = self._heard(counts)
        right_class = torch.tensor(self.classes)
        asked_on, allowed = [], torch.ones((len(counts), len(self.classes)), dtype=torch.bool)
        for number in range(len(self._stages)):
            density = self._density(heard, number).masked_fill(~allowed, UNKNOWN)
            asked_on.append((self._margin(density, number), right_class[density.argmax(1)] == labels))
            allowed = self._shortlist(density, number)
        right = asked_on[-1][1]
        for number in reversed(range(len(self._wanted))):
            margin, own = asked_on[number]
            least = least_margin(margin, own, right)
            self._wanted[number] = max(self._wanted[number], least)
            right = own.where(margin >= self.margins[number], right)

    def state_dict(self) -> dict[str, Tensor]:
        """The stages' states by their numbers, the margins and the assignment."""
        stages = [stage.state_dict().items() for stage in self._stages]
        state = {f"{number}.{name}": value for number, items in enumerate(stages) for name, value in items}
        return self.assignment.state_dict() | state | {"margins": torch.tensor(self._wanted, dtype=torch.float64)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave; ValueError if it does not fit, and nothing changes then."""
        check_state("staged", state, self.state_dict())
        fresh = StagedGating(self.options, self.features)
        for number, stage in enumerate(fresh._stages):
            mine = f"{number}."
            stage.load_state_dict({k.removeprefix(mine): v for k, v in state.items() if k.startswith(mine)})
        self._stages, self._wanted = fresh._stages, state["margins"].tolist()
        self.assignment.load_state_dict(state)

    def _part(self, counts: Tensor, number: int) -> Tensor:
        """What a stage hears [B, width] of counts [B, F]."""
        channels = self.features // self.windows
        part = counts[:, : channels * self.heard[number]].contiguous()
        return part.view(len(part), self.heard[number], channels).sum(1) if self.options.stages.merged else part

    def _heard(self, counts: Tensor) -> tuple[Tensor, Tensor]:
        """What columns have received [B, P], none without a chip, and counts [B, F] float64, of both side by side."""
        columns = len(self.chip.columns) if self.chip is not None else 0
        if not columns:
            return counts[:, :0], checked_counts(counts, self.features)
        return counts[:, :columns], checked_counts(counts[:, columns:], self.features)

    def _density(self, heard: tuple[Tensor, Tensor], number: int) -> Tensor:
        """Log densities [B, C] by a stage, very low for classes that it does not know."""
        stage, (values, counts) = self._stages[number], heard
        if not stage.classes:
            return torch.full((len(counts), len(self.classes)), UNKNOWN, dtype=torch.float64)
        density = stage.class_scores(values if stage is self.chip else self._part(counts, number)).double()
        if stage.classes == self.classes:
            return density
        said = torch.full((len(counts), len(self.classes)), UNKNOWN, dtype=torch.float64)
        said[:, ~self._strangers(number)] = density
        return said

    def _strangers(self, number: int) -> Tensor:
        """Classes [C] bool that a stage does not know."""
        return ~torch.isin(torch.tensor(self.classes), torch.tensor(self._stages[number].classes))

    def _answers(self, heard: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Log densities [B, C] and the stage that they are of [B], for what is ``_heard``."""
        values, counts = heard
        said = torch.full((len(counts), len(self.classes)), UNKNOWN, dtype=torch.float64)
        last = torch.zeros(len(counts), dtype=torch.int64)
        allowed = torch.ones_like(said, dtype=torch.bool)
        unsure = torch.arange(len(counts))
        for number in range(len(self._stages) if self.classes else 0):
            density = self._density((values[unsure], counts[unsure]), number).masked_fill(~allowed, UNKNOWN)
            said[unsure], last[unsure] = density, number
            if number < len(self.margins):
                still = self._margin(density, number) < self.margins[number]
                unsure, allowed = unsure[still], self._shortlist(density, number)[still]
        return said, last

    def _margin(self, density: Tensor, number: int) -> Tensor:
        """How sure a stage is [B], nats; not at all where there are classes that it does not know."""
        margin = _margin(density)
        return margin.fill_(-math.inf) if self._strangers(number).any() else margin

    def _shortlist(self, density: Tensor, number: int) -> Tensor:
        """Classes [B, C] bool that the next stage tells apart."""
        kept = min(self.options.stages.classes or density.shape[1], density.shape[1])
        best = torch.zeros_like(density, dtype=torch.bool).scatter(1, density.topk(kept, 1).indices, True)
        return best | self._strangers(number)


def _margin(density: Tensor) -> Tensor:
    """By how much the most probable class is ahead of the next one [B], nats; inf where there is one alone."""
    if density.shape[1] < 2:
        return torch.full((len(density),), math.inf, dtype=density.dtype)
    first, second = density.topk(2, 1).values.unbind(1)
    return first - second


def least_margin(margin: Tensor, own: Tensor, asked_on: Tensor) -> float:
    """The least margin with which not more samples are wrong than if all were asked on; 0 where none need be.

    Args:
        margin: of a stage [B].
        own: whether it is right [B] bool.
        asked_on: whether those after it would be.
    """
    limit = int((~asked_on).sum())
    least: list[float] = [0.0, *sorted(set(margin.tolist())), math.inf]
    wrong = (int((~own.where(margin >= one, asked_on)).sum()) for one in least)
    return next(one for one, count in zip(least, wrong, strict=True) if count <= limit)


def on_chip(gate: GatingNetwork) -> CrossbarGating | None:
    """What of the gating network stands on the chip: itself, its first stage, its first level, or nothing."""
    if isinstance(gate, (StagedGating, LevelsGating)):
        return gate.chip
    return gate if isinstance(gate, CrossbarGating) else None
