"""Hebbian orthogonal projection (Xiao et al., ICLR 2024, arXiv 2402.11984): steps that old inputs do not notice.

    C   += mean over samples and steps of z z'                   [P, P] in every tile, when a task ends
    dw   = (I - Q Q') dw                                         of every hidden neuron, in every step of later tasks

z is the trace of a tile's presynaptic spikes: what a membrane that never fires makes of them. Q spans the leading
eigenvectors of C over the rows that the neuron listens to, as many as hold ``hlop_share`` of its trace. So a step
changes none of the currents that old tasks have caused, but for the share that is left.

Differences from the paper: there lateral connections learn Q by Hebbian rules, task by task; here it is what these
rules converge to, computed, as in gradient projection memory (Saha et al., ICLR 2021, arXiv 2103.09762). What is
projected is the move that the optimiser made, not the gradient, for Adam would turn that out of the subspace again.
Output units are left alone, as classifiers of their own are in the paper: where tasks share outputs, it does not
protect them.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from smalti.model.continual.method import Method, Task
from smalti.model.probe import Kernel

Group = tuple[int, Tensor, Tensor, Tensor]  # tile, rows [P] and columns [Q] that hear them all, basis [P, r]


class Hlop(Method):
    """Keeps the second moments of presynaptic traces of every tile in use."""

    holds: ClassVar[bool] = True
    _before: Tensor  # weights before the step in hand [K, R, n]
    _groups: list[Group] | None = None  # of the task in training; None until a step asks for them
    _mask: Tensor  # devices in use when they were made [K, R, n]

    def before_step(self, weight: Tensor) -> None:
        """Note where the step begins."""
        if self.notes:
            self._before = weight.detach().clone()

    def correct(self, weight: Tensor) -> None:
        """Take from the move what old tasks would notice."""
        if not self.notes:
            return
        with torch.no_grad():
            for tile, rows, columns, basis in self._subspaces():
                here = tile, rows[:, None], columns
                move = weight[here] - self._before[here]
                weight[here] -= basis @ (basis.T @ move)

    def end_task(self, task: Task) -> None:
        """Add what reached the tiles in this task, from at most ``hlop_samples`` samples drawn at random."""
        chosen = task.chance.permutation(len(task.labels))[: self.options.hlop_samples]
        probe, state = task.probe(torch.from_numpy(chosen)), self.network.state
        kernel, self._groups = Kernel(self.network.options.leak), None
        for tile in torch.nonzero(state.mask.any(2).any(1)).flatten().tolist():
            rows = torch.nonzero(state.mask[tile].any(1)).flatten()
            source = state.source.to(rows.device)[tile].clone()
            trace = kernel.trace(probe.drive(source[rows].cpu()))  # [T, P, B]
            found = torch.einsum("tpb,trb->pr", trace, trace) / (trace.shape[0] * trace.shape[2])
            moment = self._moment(tile, source)
            moment[rows[:, None], rows] += found.to(moment)
            self.notes[f"moment.{tile}"], self.notes[f"source.{tile}"] = moment, source

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave."""
        super().load_state_dict(state)
        self._groups = None

    def _moment(self, tile: int, source: Tensor) -> Tensor:
        """What is known of a tile [R, R]; nothing of rows that somebody else drives now."""
        if f"moment.{tile}" not in self.notes:
            return torch.zeros(len(source), len(source), dtype=torch.float64, device=source.device)
        same = (self.notes[f"source.{tile}"] == source).double()
        return self.notes[f"moment.{tile}"] * torch.outer(same, same)

    def _subspaces(self) -> list[Group]:
        """Hidden neurons that hear the same rows, and the subspace in which old tasks have reached them."""
        state = self.network.state
        if self._groups is None or not torch.equal(self._mask, state.mask):
            self._mask, self._groups = state.mask.clone(), []
            tiles = [int(name.split(".")[1]) for name in self.notes if name.startswith("moment.")]
            hidden = (state.alive & ~state.output).view(len(state.mask), -1)
            for tile in tiles:
                self._groups += self._of(tile, torch.nonzero(hidden[tile] & state.mask[tile].any(0)).flatten())
        return self._groups

    def _of(self, tile: int, columns: Tensor) -> list[Group]:
        state = self.network.state
        moment = self._moment(tile, state.source.to(columns.device)[tile])
        heard, group = torch.unique(state.mask[tile][:, columns].T, dim=0, return_inverse=True)
        found: list[Group] = []
        for number, pattern in enumerate(heard):
            rows = torch.nonzero(pattern).flatten()
            basis = leading(moment[rows[:, None], rows], self.options.hlop_share).to(state.weight.dtype)
            if basis.shape[1]:
                found.append((tile, rows, columns[group == number], basis))
        return found


def leading(moment: Tensor, share: float) -> Tensor:
    """Orthonormal eigenvectors [P, r] of a second moment [P, P], the fewest that hold a share of its trace."""
    values, vectors = torch.linalg.eigh(moment)
    values, descending = values.flip(0).clamp(min=0), vectors.flip(1)
    total = values.sum()
    kept = 0 if total <= 0 else int((values.cumsum(0) < share * total).sum()) + 1
    chosen: Tensor = descending[:, :kept]
    return chosen
