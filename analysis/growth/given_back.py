"""Neurons that experts gave back, for they had learned their tasks well enough without (``growth.give_back``)."""

from __future__ import annotations

from dataclasses import dataclass

from smalti.analysis.tables import RunTables


@dataclass(frozen=True)
class GivenBack:
    """What was given back in a run."""

    of_task: dict[int, int]  # task -> neurons that its expert gave back while it was trained, of all that were trained

    @property
    def neurons(self) -> int:
        """All of them."""
        return sum(self.of_task.values())

    @property
    def givers(self) -> dict[int, int]:
        """Tasks whose experts gave any."""
        return {task: count for task, count in self.of_task.items() if count}

    @property
    def told(self) -> str:
        """By whom, in words."""
        tasks = len(self.of_task)
        return f"by the experts of {len(self.givers)} of {tasks} task{'' if tasks == 1 else 's'}"


def given_back(run: RunTables) -> GivenBack | None:
    """What was given back; None where nobody was to, or a run of an older version does not tell."""
    rounds, growth = run.table("rounds"), run.config.get("growth", {})
    if "given_back" not in rounds or not growth.get("give_back"):
        return None
    return GivenBack({int(str(task)): int(count) for task, count in rounds.groupby("task")["given_back"].sum().items()})
