"""What every gating network offers. The gating agent owns one; nothing here knows how it decides.

What it hears: ``inputs``, the input spike counts of the first ``gating.listen`` steps; ``experts``, the spike counts of
every expert's hidden neurons in these steps, so that all experts run (``ExpertListener``); ``columns``, what columns of
the chip that are its own receive of the inputs in these steps (``networks.crossbar``); ``levels``, those input counts
and the spike counts of a relay while some north parts run (``networks.levels``); or ``nothing``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, cast, runtime_checkable

from torch import Tensor

from smalti.model.gating.assignment import Assignment
from smalti.model.work import Work

Hears = Literal["inputs", "experts", "columns", "levels", "nothing"]


class GatingNetwork(Protocol):
    """Scores experts for an input and says how novel the input is.

    F = windows * I features, the counts of ``model.gating.features.spike_counts``. Counts that are
    not finite, negative or of another width raise ValueError.
    """

    @property
    def hears(self) -> Hears:
        """What it must be shown: what its counts are counts of."""
        ...

    assignment: Assignment
    """Who serves which class, as its owner assigns it; ``assignment.experts`` are the columns of ``scores``."""

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes observed, ascending: the columns of ``class_scores``."""
        ...

    @property
    def stored_values(self) -> int:
        """Numbers held in memory now."""
        ...

    @property
    def adds_per_sample(self) -> int:
        """Additions (a multiply-add counts once) to score one sample, without the counting of its spikes."""
        ...

    @property
    def multiplications_per_sample(self) -> int:
        """Multiplications to score one sample; square roots of counts are looked up, not counted."""
        ...

    def observe(self, counts: Tensor, labels: Tensor, task: int) -> None:
        """Learn from counts [B, F] and labels [B] int of one task. Show each training sample once."""
        ...

    def scores(self, counts: Tensor) -> Tensor:
        """log p(expert | x) [B, E], normalised over the experts, for counts [B, F]."""
        ...

    def class_scores(self, counts: Tensor) -> Tensor:
        """Log densities log p(x | class) [B, classes], up to a constant, for counts [B, F]."""
        ...

    def novelty(self, counts: Tensor) -> float:
        """How new counts [B, F] are: near 0 for known classes, in standard deviations; inf while none is known."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """All that is held, as tensors; ``load_state_dict`` of the same options continues bit for bit."""
        ...

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave. ValueError if it does not fit."""
        ...


class ExpertListener(GatingNetwork, Protocol):
    """A gating network whose ``hears`` is ``experts``.

    The columns of its counts are the hidden neurons of the experts in ``widths``, one expert after the other. It
    observes at the end of an experience, when the neurons no longer move: first ``renew``, then every training sample
    once.
    """

    @property
    def widths(self) -> Mapping[int, int]:
        """Experts that are heard, in the order of the columns, and the hidden neurons of each."""
        ...

    def renew(self, widths: Mapping[int, int], trained: int | None) -> None:
        """Hear these experts from now on, and forget what was known of the one just trained: its neurons moved.

        None: nobody's have.
        """
        ...

    def hang_on(self, expert: int) -> tuple[int, ...]:
        """Classes of other experts that are told by this one's neurons alone, ascending: lost if these move."""
        ...


@runtime_checkable
class Staged(Protocol):
    """A gating network of several stages, each asked only where the one before is not sure.

    Its ``adds_per_sample`` and ``multiplications_per_sample`` are those of a sample for which all stages are asked.
    """

    @property
    def heard(self) -> tuple[int, ...]:
        """Windows, from the beginning of a sample, that have been heard when each stage is asked."""
        ...

    def last_asked(self, counts: Tensor) -> Tensor:
        """The stage that answers [B] int for counts [B, F]."""
        ...

    def work(self, last: Tensor) -> Work:
        """What samples take for which these stages [B] answer, means."""
        ...

    def tune(self, counts: Tensor, labels: Tensor) -> None:
        """Choose when stages are sure, by validation samples of a task that has ended: counts [B, F], labels [B]."""
        ...


def expert_listener(gate: GatingNetwork) -> ExpertListener | None:
    """The gating network as what it is if it hears experts, else None."""
    return cast(ExpertListener, gate) if gate.hears == "experts" else None


class Kept(Protocol):
    """What a gating network keeps of samples and a class."""

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        ...


@runtime_checkable
class KeepsTerms(Protocol):
    """A gating network whose scores are put together from terms of each class, which may be kept."""

    def recall(self, counts: Tensor, kept: dict[int, Kept]) -> None:
        """Work out what will be asked of counts [B, F], with what was kept of the same counts by class; it is renewed.

        Scores are the same to the bit as without.
        """
        ...
