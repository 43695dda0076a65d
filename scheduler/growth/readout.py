"""Read-outs over neurons that there are: what output units in a tile would hear, say and cost, before they are born.

An output membrane is a linear sum of the traces of whom it hears, each filtered by its own leak, so that the closed
form (``model.growth.regression``) is exact for it, and the validation data can be judged without a graft. Where outputs
stand for classes, a read-out is fitted to the classes' indicators, less their mean, and then scaled until the
cross-entropy of the training samples is lowest; with probabilities still equal, a unit of squared error is worth half
as many nats as there are classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from smalti.agents.auction.prices import Prices
from smalti.agents.auction.taps import Listening, Taps, clear_taps
from smalti.agents.expert import Expert
from smalti.model.growth.regression import Regression
from smalti.model.probe import filtered
from smalti.scheduler.answers.judge import Judge, positions
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.streams.wanted import Wanted

CHUNK = 128  # samples that run at once
SCALES = torch.logspace(-0.5, 2.5, 61, dtype=torch.float64)  # of logits, that are tried
Batch = tuple[Tensor, Wanted]  # spikes [B, T, I] and what they ask


@dataclass(frozen=True)
class Site:
    """A read-out that a tile offers."""

    tile: int
    sources: Tensor  # [S] slots and channels that it would hear
    weights: Tensor  # [S, O] float64
    taps: Taps
    loss: float  # on validation data
    score: float


@dataclass(frozen=True)
class Heard:
    """What all neurons of the experts and all inputs say to a task's samples, as output units would hear it."""

    grower: Grower
    training: Batch
    validation: Batch
    sources: Tensor  # [P] slots and channels
    upstream: Tensor  # [P, N] bool: who must run for a source
    spikes: Tensor  # [N] per training sample
    said: Tensor  # traces of the validation samples [B, T or 1, P]
    trained: Tensor | None  # of the training samples; None under a squared error, which can do without
    regression: Regression
    worth: float  # of a unit of its objective in the loss's unit

    @staticmethod
    def of(
        grower: Grower,
        training: Batch,
        validation: Batch,
        classes: tuple[int, ...],
        within: Tensor | None = None,
    ) -> Heard:
        """Let all experts run on the samples.

        Args:
            grower: of the network.
            training, validation: samples.
            classes: that outputs stand for, where each has one.
            within: sources that may be heard [N + I] bool; None for all.
        """
        network = grower.network
        sources = torch.cat([_neurons(grower), torch.arange(network.channels) + network.fabric.neurons])
        sources = sources if within is None else sources[within[sources]]
        spikes = torch.zeros(network.fabric.neurons, dtype=torch.float64)
        said = torch.cat([*_traces(grower, validation[0], sources, torch.zeros_like(spikes))])
        squared, trained = grower.judge.criterion.squared, list[Tensor]()
        targets, weights = targets_of(grower.judge, training[1], classes)

        def parts() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
            first = 0
            for traces in _traces(grower, training[0], sources, spikes):
                here, first = slice(first, first + len(traces)), first + len(traces)
                trained.extend([] if squared else [traces])
                yield traces.flatten(0, 1), targets[here].flatten(0, 1), weights[here].flatten()

        regression = Regression.of(parts(), grower.options.reuse.ridge)
        return Heard(
            grower=grower,
            training=training,
            validation=validation,
            sources=sources,
            upstream=torch.stack([network.upstream.of(source[None]) for source in sources]),
            spikes=spikes / len(training[0]),
            said=said,
            trained=None if squared else torch.cat(trained),
            regression=regression,
            worth=1.0 if squared else targets.shape[2] / 2,
        )

    def site(
        self,
        tile: int,
        prices: Prices,
        task: int,
        classes: tuple[int, ...],
        lots: np.random.Generator,
        own: Sequence[int] = (),
    ) -> Site:
        """What a tile offers.

        Args:
            tile: where the outputs would be.
            prices: over books that may be changed.
            task: which task it is for.
            classes: that the outputs stand for, where each has one.
            lots: random numbers for what is drawn in place of the auction, or of its values.
            own: slots of the expert's own neurons, which run in any case and count as no taps.
        """
        judge, options = self.grower.judge, self.grower.options.reuse
        expert = Expert(-1, classes, tile, (), sets=[list(classes)])
        listening = Listening(
            tile=tile,
            task=task,
            sources=self.sources.tolist(),
            regression=self.regression,
            worth=self.worth,
            upstream=self.upstream,
            spikes=self.spikes,
            running=self.grower.network.upstream.of(torch.tensor(own, dtype=torch.int64)).to(self.upstream.device),
        )
        drawn, shuffle = options.pick == "random", prices.options.values == "shuffled"
        chance = lots if drawn else None, lots if shuffle else None
        taps = clear_taps(listening, prices, options.taps + len(own), self.grower.number, *chance)
        chosen = torch.tensor(taps.places, dtype=torch.int64)
        best = taps.weights
        if self.trained is not None:
            best = fitted(judge, expert, self.trained[:, :, chosen], best, self.training[1])
        answers = _said(judge, self.said[:, :, chosen], best)
        wanted = self.validation[1]
        loss, score = float(judge.losses(expert, answers, wanted).mean()), judge.score(expert, answers, wanted)
        return Site(tile, self.sources[chosen], best, taps, loss, score)


def judged(grower: Grower, expert: Expert, asked: Batch, silent: Sequence[int] = ()) -> tuple[float, float]:
    """Score and loss of an expert as it is, or while some neurons are silent."""
    network, judge = grower.network, grower.judge
    x, wanted = asked
    outputs, running = torch.tensor(expert.outputs, device=network.device), grower.agent.running(expert)
    running[list(silent)] = False
    with torch.no_grad():
        answers = judge.answers(network.run(x, outputs, running))
        return judge.score(expert, answers, wanted), float(judge.losses(expert, answers, wanted).mean())


def loss_of(grower: Grower, expert: Expert, asked: Batch, silent: Sequence[int] = ()) -> float:
    """The loss alone of what is ``judged``."""
    return judged(grower, expert, asked, silent)[1]


def _neurons(grower: Grower) -> Tensor:
    """Slots of the neurons of all experts."""
    return torch.tensor([slot for e in grower.agent.experts for slot in e.neurons], dtype=torch.int64)


def _traces(grower: Grower, x: Tensor, sources: Tensor, spikes: Tensor) -> Iterator[Tensor]:
    """Traces [B, T, P] at every step, or their mean over time [B, 1, P]; adds up the spikes [N]."""
    network, agent = grower.network, grower.agent
    running = torch.stack([agent.running(expert) for expert in agent.experts]).any(0)
    outputs = torch.tensor(agent.experts[0].outputs, device=network.device)
    for part in torch.split(x, CHUNK):
        probe = network.probe(part, outputs, lambda logits: logits.sum(1) * 0, running, sources[:0])
        traces = filtered(probe.drive(sources), network.options.output_leak).permute(2, 0, 1).cpu()
        spikes += probe.counts.sum(1).cpu()
        yield traces if grower.judge.readout is not None else traces.mean(1, keepdim=True)


def targets_of(judge: Judge, wanted: Wanted, classes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Targets [B, T or 1, O] and weights [B, T or 1] of the regression; those of a sample sum to 1, or its class's."""
    if wanted.targets is None or wanted.weights is None:
        indicators = one_hot(positions(classes, wanted.labels), len(classes)).double() - 1 / len(classes)
        return indicators[:, None], judge.weights_of(wanted.labels).double()[:, None]
    weights = wanted.weights.double()
    return wanted.targets.double(), weights / weights.sum(1, keepdim=True)


def _said(judge: Judge, traces: Tensor, weights: Tensor) -> Tensor:
    """Answers of a read-out: logits [B, O], or outputs at every step [B, T, O]."""
    said = (traces.double() @ weights).to(traces)
    return said if judge.readout is not None else said[:, 0]


def fitted(judge: Judge, expert: Expert, traces: Tensor, weights: Tensor, wanted: Wanted) -> Tensor:
    """Weights [S, O] times the factor for which the loss of samples with these traces [B, T or 1, S] is lowest."""
    answers = _said(judge, traces, weights)
    losses = [float(judge.losses(expert, answers * scale, wanted).mean()) for scale in SCALES.tolist()]
    return weights * float(SCALES[int(np.argmin(losses))])
