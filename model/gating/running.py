"""What a gating network hears that may change its mind at every step of a sample. Knows no experts.

With w = ``gating.running``, step t = 1 .. T is scored from the input spikes of the steps (t - w, t] alone:

    n_i(t) = spikes of channel i in the steps (t - w, t]
    log p(expert | t) = s(t) log gating(expert | n(t) / s(t)),        s(t) = min(t, w) / w

While fewer than w steps have passed, their counts stand for those of w, and say as much less as they are fewer: for
Poisson counts and an expert with one class that is the posterior of the t steps themselves. From step w on s = 1.

The gating network learns from windows of w whole steps, which are laid side by side from the end of a sample. Samples
begin to lay them at different steps, so that windows of every phase come up.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from smalti.model.gating.densities.mixture import ranked
from smalti.model.gating.features import heard_steps, window_count
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import GatingNetwork

AT_ONCE = 64  # samples whose steps are scored together: bounds memory


def resolved(options: GatingOptions, steps: int, frames: int) -> GatingOptions:
    """Options with ``listen`` and ``windows`` spelled out for samples of so many steps; a running gate has one window.

    Raises:
        ValueError: samples are shorter than the gating network wants to listen.
    """
    if not options.running:
        listen = heard_steps(options.listen, steps)
        return replace(options, listen=listen, windows=window_count(options.windows, listen, frames))
    if options.running > steps:
        raise ValueError(
            f"gating.running = {options.running} is longer than a sample of {steps} time steps; give 0 to {steps}"
        )
    return replace(options, windows=1)


def running_counts(x: Tensor, width: int) -> Tensor:
    """Spikes of every channel in the last ``width`` steps, at every step [B, T, I] float32, of spikes x [B, T, I]."""
    so_far = x.cumsum(1, dtype=torch.float32)
    counts = so_far.clone()
    counts[:, width:] -= so_far[:, : x.shape[1] - width]
    return counts


def windows_of(x: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Counts [W, I] of windows of ``width`` whole steps, and the rows [W] of the samples x [B, T, I] they are of."""
    samples, steps = x.shape[:2]
    phases = min(width, steps - width + 1)
    phase = torch.arange(samples)[:, None] * phases // samples  # steps at the end that are left out
    end = torch.arange(1, steps + 1)
    laid = ((steps - phase - end) % width == 0) & (end >= width)  # [B, T]
    return running_counts(x, width)[laid], laid.nonzero()[:, 0]


def scores_in_time(gate: GatingNetwork, options: GatingOptions, x: Tensor) -> Tensor:
    """log p(expert | t) at every step of x [B, T, I], -inf for those that do not answer there [B, T, E] float64."""
    seen = torch.arange(1, x.shape[1] + 1, dtype=torch.float64).clamp(max=options.running)
    share = (seen / options.running)[:, None]  # s(t)
    parts = []
    for part in x.chunk(-(-len(x) // AT_ONCE)):
        counts = (running_counts(part, options.running) / share).float()
        said = answering(gate, options, counts.flatten(0, 1))
        parts.append(said.view(*part.shape[:2], -1) * share)
    return torch.cat(parts)


def answering(gate: GatingNetwork, options: GatingOptions, counts: Tensor) -> Tensor:
    """Scores of the best ``gating.top`` experts, -inf of the others [B, E] float64, for counts [B, F]."""
    scores = gate.scores(counts).double()
    top = min(options.top or scores.shape[1], scores.shape[1])
    best = ranked(gate, options.choose, scores, lambda: gate.class_scores(counts)).topk(top, dim=1).indices
    return scores.where(torch.zeros_like(scores, dtype=torch.bool).scatter(1, best, True), -torch.inf)
