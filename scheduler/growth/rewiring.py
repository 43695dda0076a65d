"""Rewiring in a round: what it may touch, its steps, and the notes of slots that follow when neurons move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.agents.tile import TileAgent
from smalti.model.network import Network
from smalti.model.optimiser import Moments
from smalti.model.rewiring.options import RewiringOptions
from smalti.model.rewiring.scope import Changes, Scope
from smalti.model.rewiring.steps import STEPS
from smalti.scheduler.learning.summary import TrainingSummary


def scope_of(
    network: Network,
    moments: Moments,
    agent: GatingAgent,
    expert: Expert,
    summary: TrainingSummary,
    known: tuple[Tensor, ...] = (),
) -> Scope:
    """The expert in training, and what its round of training showed.

    Nobody's fan-in may change in an expert that others listen to.
    """
    members = expert.running(network)
    if agent.listeners(expert):
        members = torch.zeros_like(members)
    rate = torch.cat([summary.counts.mean(1), summary.input_spikes])
    return Scope(network, moments, members.cpu(), agent.hears(expert), agent.running(expert), rate, known)


def apply_steps(scope: Scope, options: RewiringOptions, generator: np.random.Generator) -> Changes:
    """All steps that the options name, in the order of ``STEPS``."""
    changes = Changes()
    for name, step in STEPS.items():
        if name in options.steps:
            changes += step(scope, options, generator)
    return changes


def follow(experts: Sequence[Expert], tiles: Sequence[TileAgent], moved: Mapping[int, int]) -> None:
    """Let experts and tiles note the new slots of neurons that moved.

    Args:
        experts: all of them.
        tiles: all agents of tiles.
        moved: slot before -> slot now.
    """
    for expert in experts:
        expert.neurons = [moved.get(slot, slot) for slot in expert.neurons]
        expert.outputs = tuple(moved.get(slot, slot) for slot in expert.outputs)
    silent = {slot: rounds for tile in tiles for slot, rounds in tile.silent_rounds.items()}
    now = {moved.get(slot, slot): rounds for slot, rounds in silent.items()}
    for tile in tiles:
        tile.silent_rounds = {
            s: rounds for s, rounds in now.items() if tile.network.fabric.tile_of_slot(s) == tile.tile
        }
