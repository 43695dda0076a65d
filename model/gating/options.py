"""Options of the gating network and of the experts it chooses among. Knows no gating network but by name."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from smalti.model.gating.belief import BeliefOptions
from smalti.model.gating.crossbar import CrossbarOptions
from smalti.model.gating.detection import DetectionOptions
from smalti.model.gating.learned import LearnedGateOptions
from smalti.model.gating.levels import LevelGateOptions
from smalti.model.gating.stages import StageOptions
from smalti.model.options import ranges
from smalti.model.options.values import settle

ExpertSharing = Literal["task", "shared"]
Weighing = Literal["alike", "validated"]
Choice = Literal["expert", "class"]


@dataclass(frozen=True, kw_only=True)
class GatingOptions:
    """How experts are chosen for an input and how novelty is told.

    ``rank``, ``shrink_within``, ``temperature`` and ``vote`` were chosen on validation data of digits and fsdd.

    Attributes:
        network: gating network by name: gaussian (a density per class), lda, prototype, autoencoder, softmax, seed
            (densities in every expert's own spikes), trunk (classes in the first expert's spikes), staged (cheap gates
            first), levels (a gate on either of two levels of experts), crossbar (linear discriminants in columns of the
            chip), random, or label (the task label is given: the oracle).
        listen: time steps from the beginning of a sample that it listens to before it decides; 0 is the whole sample.
        windows: time windows in which input spikes are counted; 0 takes 5 (or as many as there are time steps) where
            the data have a time axis of their own; else 1 up to 25 time steps and 5 beyond.
        running: time steps of a window that runs along with a sample: experts are weighed anew at every step, by the
            spikes of the last so many; 0: once a sample. Needs samples that ask for targets at single steps.
        rank: principal directions kept for each class, at most half the number of features.
        shrink_within: share, 0 to 1, of variance beyond those directions in the noise floor; the rest: total.
        temperature: divides log densities before experts are compared; above 1 the gate is trusted less.
        vote: weight of what the gating network says of the classes of an expert beside that expert's answer; 0 leaves
            the class to the expert, 1 trusts both alike.
        weigh: alike takes expert and vote as they come; validated gives each expert an exponent for its own answer and
            one for the vote, by validation data, when its task has ended (so none where boundaries are hidden).
        adapt: unlabelled samples, drawn from those that are asked about together, from which a shift common to all is
            estimated, as of a speaker who was never heard; 0 takes every sample as it is.
        top: experts that run for an input, the best first; 0 lets all of them run.
        choose: who is the best: the most probable expert, all its classes together, or that of the most probable class.
        experts: task gives every new label set its own expert; shared lets one serve all tasks (a control).
        protect: protect what other experts have learned; one whose labels return in a new task stays plastic.
        stiffness: how: inf freezes it; a number pulls every device to where it was when its task had ended, at a cost
            of stiffness / 2 nats per squared weight.
        trunk: let all later experts listen to the neurons of the first one, which then always run.
        taps: let experts listen to the neurons of all earlier ones; those who are listened to run, too.
        learned: gating networks that learn by gradient descent.
        stages: the gates of which staged consists.
        levels: the gates of levels, one on either level.
        crossbar: the columns of crossbar.
        detect: how a change of task is noticed where nobody tells it.
        belief: how experts are chosen by the answers that were wanted, where inputs do not say the task.
    """

    network: str = "gaussian"
    listen: int = 0
    windows: int = 0
    running: int = 0
    rank: int = 16
    shrink_within: float = 0.7
    temperature: float = 3.0
    vote: float = 1.0
    weigh: Weighing = "validated"
    adapt: int = 0
    top: int = 1
    choose: Choice = "class"
    experts: ExpertSharing = "task"
    protect: bool = True
    stiffness: float = math.inf
    trunk: bool = False
    taps: bool = False
    learned: LearnedGateOptions = field(default_factory=LearnedGateOptions)
    stages: StageOptions = field(default_factory=StageOptions)
    levels: LevelGateOptions = field(default_factory=LevelGateOptions)
    crossbar: CrossbarOptions = field(default_factory=CrossbarOptions)
    detect: DetectionOptions = field(default_factory=DetectionOptions)
    belief: BeliefOptions = field(default_factory=BeliefOptions)

    def __post_init__(self) -> None:
        settle(self, "gating")
        ranges.not_negative("gating", self, "listen", "windows", "running", "adapt", "top")
        ranges.at_least("gating", self, 1, "rank")
        ranges.share("gating", self, "shrink_within")
        ranges.positive("gating", self, "temperature")
        ranges.weight("gating", self, "vote")
        once = {"listen": self.listen, "windows": self.windows if self.windows > 1 else 0, "adapt": self.adapt}
        for name, value in once.items():
            if self.running and value:
                raise ValueError(
                    f"gating.{name} = {value} is for a gate that is asked once a sample, and gating.running = "
                    f"{self.running} asks it at every step; set one of them to 0"
                )
        if not (ranges.SMALLEST <= self.stiffness <= ranges.LARGEST or self.stiffness == math.inf):
            raise ValueError(
                f"gating.stiffness = {self.stiffness} must be above 0, {ranges.SMALLEST:g} to {ranges.LARGEST:g}, or "
                "inf, which freezes; gating.protect = false protects nothing"
            )
