"""Which expert serves which class. Knows no inputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Assignment:
    """Every class has one expert, an expert may have many classes; shared label sets share an expert."""

    def __init__(self) -> None:
        self.expert_of: dict[int, int] = {}  # class -> expert
        self._experts: list[int] = []

    @property
    def experts(self) -> tuple[int, ...]:
        """Experts in the order in which they were first assigned."""
        return tuple(self._experts)

    def assign(self, expert: int, classes: Sequence[int]) -> None:
        """Let ``expert`` serve ``classes`` too; repeating an assignment changes nothing.

        Raises:
            ValueError: a class already has another expert, or a number is negative; nothing is changed then.
        """
        if expert < 0 or any(c < 0 for c in classes):
            raise ValueError(f"expert {expert} and classes {list(classes)} must not be negative")
        for c in classes:
            if self.expert_of.get(c, expert) != expert:
                raise ValueError(
                    f"class {c} is served by expert {self.expert_of[c]}, so expert {expert} cannot serve it; "
                    "a class has one expert: tasks that share classes share it"
                )
        if expert not in self._experts:
            self._experts.append(expert)
        self.expert_of.update(dict.fromkeys(classes, expert))

    def withdraw(self, expert: int) -> None:
        """Forget an expert, and which classes it serves."""
        self._experts.remove(expert)
        self.expert_of = {c: who for c, who in self.expert_of.items() if who != expert}

    def move(self, expert: int, classes: Sequence[int]) -> None:
        """Let a known expert serve classes from now on, whoever did before."""
        self.expert_of.update(dict.fromkeys(classes, expert))

    def state_dict(self) -> dict[str, Tensor]:
        """``experts`` [E] int64 and ``assigned`` [classes, 2] int64, a row being class and expert."""
        return {
            "experts": torch.tensor(self._experts, dtype=torch.int64),
            "assigned": torch.tensor(list(self.expert_of.items()), dtype=torch.int64).reshape(-1, 2),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave."""
        self._experts = [int(e) for e in state["experts"].tolist()]
        self.expert_of = {int(c): int(e) for c, e in state["assigned"].tolist()}
