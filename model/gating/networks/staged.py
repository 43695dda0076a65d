"""A gate of several stages: cheap ones first, the next one only where the one before is not sure.

A stage is sure of a sample where the log densities of its two most probable classes are apart by its margin at least.
Else the next stage is asked, about the most probable ``gating.stages.classes`` of them alone; the last one answers in
any case. Such a cascade (Viola & Jones 2001, doi 10.1109/CVPR.2001.990517) costs what easy samples cost. Where stages
hear more of a sample one after another (``gating.stages.heard``), it exits early: it answers as soon as it is sure.

Margins that nobody gives are chosen on the validation samples of every task when it has ended: the smallest one with
which no more of them are wrong than if all were asked on. A stage takes the largest that any task has wanted; until one
has ended, it is never sure. What later classes do to samples of old tasks is not measured, for those are gone by then.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from smalti.model.gating.assignment import Assignment
from smalti.model.gating.features import checked_counts, checked_features, checked_labels, like
from smalti.model.gating.mixture import UNKNOWN, check_state, expert_scores
from smalti.model.gating.networks.gaussian import GaussianGating
from smalti.model.gating.networks.lda import LdaGating
from smalti.model.gating.networks.prototype import PrototypeGating
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import GatingNetwork, Hears
from smalti.model.work import Work

STAGES: dict[str, Callable[[GatingOptions, int], GatingNetwork]] = {
    "gaussian": GaussianGating,
    "lda": LdaGating,
    "prototype": PrototypeGating,
}
"""Gating networks that can be stages: their work is in proportion to the classes that they are asked about."""


class StagedGating:
    """Gates asked one after another; implements ``GatingNetwork`` and ``Staged``.

    Raises:
        ValueError: a stage is no density of classes, or hears more windows than there are.
    """

    hears: Hears = "inputs"

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
        self.assignment = Assignment()
        self._wanted = [-math.inf] * (len(self._stages) - 1)  # margins; none yet

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes observed, ascending."""
        return self._stages[0].classes

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
        checked = checked_counts(counts, self.features)
        if not self.classes:
            raise ValueError("the gating network has observed nothing yet; call observe first")
        return like(counts, self._answers(checked)[0])

    def scores(self, counts: Tensor) -> Tensor:
        """log p(expert | x) [B, E] for counts [B, F]: ``mixture.expert_scores`` at ``gating.temperature``.

        Raises:
            ValueError: no expert has been assigned, or counts are refused.
        """
        checked = checked_counts(counts, self.features)
        density = self._answers(checked)[0] / self.options.temperature
        return like(counts, expert_scores(density, self.classes, self.assignment))

    def last_asked(self, counts: Tensor) -> Tensor:
        """The stage that answers [B] int for counts [B, F]."""
        return self._answers(checked_counts(counts, self.features))[1]

    def novelty(self, counts: Tensor) -> float:
        """What the last stage says of counts [B, F]: it hears most and knows most."""
        checked = checked_counts(counts, self.features)
        return self._stages[-1].novelty(self._part(checked, len(self._stages) - 1))

    def tune(self, counts: Tensor, labels: Tensor) -> None:
        """Choose margins by validation samples of a task that has ended: counts [B, F], labels [B]."""
        checked = checked_counts(counts, self.features)
        right_class = torch.tensor(self.classes)
        asked_on, allowed = [], torch.ones((len(checked), len(self.classes)), dtype=torch.bool)
        for number, stage in enumerate(self._stages):
            density = stage.class_scores(self._part(checked, number)).masked_fill(~allowed, UNKNOWN)
            asked_on.append((_margin(density), right_class[density.argmax(1)] == labels))
            allowed = self._shortlist(density)
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

    def _answers(self, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Log densities [B, C] and the stage that they are of [B], for counts [B, F] float64."""
        said = torch.full((len(counts), len(self.classes)), UNKNOWN, dtype=torch.float64)
        last = torch.zeros(len(counts), dtype=torch.int64)
        allowed = torch.ones_like(said, dtype=torch.bool)
        unsure = torch.arange(len(counts))
        for number, stage in enumerate(self._stages if self.classes else ()):
            density = stage.class_scores(self._part(counts[unsure], number)).masked_fill(~allowed, UNKNOWN)
            said[unsure], last[unsure] = density, number
            if number < len(self.margins):
                still = _margin(density) < self.margins[number]
                unsure, allowed = unsure[still], self._shortlist(density)[still]
        return said, last

    def _shortlist(self, density: Tensor) -> Tensor:
        """Classes [B, C] bool that the next stage tells apart."""
        kept = min(self.options.stages.classes or density.shape[1], density.shape[1])
        return torch.zeros_like(density, dtype=torch.bool).scatter(1, density.topk(kept, 1).indices, True)


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
