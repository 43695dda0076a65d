"""Does a bid tell the truth? Predicted value of candidates against the decrease of the loss when each alone is grafted.

    python benchmarks/bids.py --candidates 12 --seeds 3 --fsdd free-spoken-digit-dataset.zip

A joint network is trained for some rounds. Then every sampled candidate is grafted alone into a copy of it, the copy is
trained on for --steps minibatches, and the loss on validation data is compared with that of a copy without the
graft that saw the same minibatches; the mean over --orders orders of minibatches is what the candidate achieved.
Printed is Spearman's rank correlation of that with what candidates could bid (``PREDICTORS``), and with itself in two
halves of the orders, corrected for their length (Spearman and Brown): no bid can be expected to do better than the
square root of that.
"""

from __future__ import annotations

import copy
import json
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import spearmanr
from torch import Tensor

from benchmarks.script import script
from smalti.agents.candidate import CandidateNeuron
from smalti.agents.tile import Call
from smalti.model.growth.newborns.climb import climb
from smalti.model.growth.newborns.proposal import Proposal, every_target
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules import GROWTH_RULES
from smalti.model.growth.value import predicted_decrease
from smalti.scheduler.configuration.config import Config, RunOptions
from smalti.scheduler.randomness import Use, generator
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import StreamOptions
from smalti.scheduler.streams.batches import VALIDATION


@dataclass(frozen=True)
class Truth:
    """Compare bids with what they bring.

    Attributes:
        rules: growth rules; empty takes all that work with the default neurons.
        candidates: candidates sampled for each rule, seed and data set.
        seeds: networks.
        first_seed: seed of the first network.
        orders: orders of minibatches that every candidate is tried with, at least 2.
        rounds: rounds of 50 minibatches before the graft.
        steps: minibatches after the graft.
        fsdd: archive or folder of the Free Spoken Digit Dataset; empty leaves it out.
        workers: networks at a time.
        json: file for the results.
    """

    rules: tuple[str, ...] = ()
    candidates: int = 12
    seeds: int = 2
    first_seed: int = 0
    orders: int = 2
    rounds: int = 2
    steps: int = 200
    fsdd: str = ""
    workers: int = 2
    json: Path | None = None

    def __post_init__(self) -> None:
        if self.orders < 2:
            raise ValueError("--orders must be at least 2: one order cannot say how reliable it is")


def gradient_norm(proposal: Proposal) -> Tensor:
    """|| E[g] ||, g the gradient of the fan-out: GradMax's measure."""
    norm: Tensor = proposal.gradient.mean(2).norm(dim=1)
    return norm


def per_adjoint(proposal: Proposal) -> Tensor:
    """|| E[g] ||^2 / E sum_t ||delta||^2: how much of what the targets want the newborn could tell them."""
    power = proposal.signal.delta.square().sum((0, 1)).mean()
    return gradient_norm(proposal).square() / power.clamp(min=1e-30)


def whitened(proposal: Proposal) -> Tensor:
    """|| M w ||^2 / w C w: gradient per unit of variance, without spikes."""
    w, signal = proposal.fan_in, proposal.signal
    power = torch.einsum("cp,pr,cr->c", w, signal.covariance, w)
    measure: Tensor = (w @ signal.moment.T).square().sum(1) / power.clamp(min=1e-30)
    return measure


def fisher(proposal: Proposal) -> Tensor:
    """``value`` with the diagonal of F alone."""
    w, signal = proposal.fan_in, proposal.signal
    adjoint_power = signal.delta.square().sum(0).mean(1)
    decrease = (w @ signal.moment.T).square() / adjoint_power.clamp(min=1e-4 * float(adjoint_power.max()) + 1e-30)
    of: Tensor = decrease.sum(1) / (2 * torch.einsum("cp,pr,cr->c", w, signal.covariance, w).clamp(min=1e-30))
    return of


def second_order(proposal: Proposal) -> Tensor:
    """The best step along the gradient with E[(d.g)^2] as curvature, residuals of samples not weighed."""
    return predicted_decrease(proposal.gradient, torch.full_like(proposal.signal.loss, 1e3))


def spikes(proposal: Proposal) -> Tensor:
    """The best step along the gradient that its spikes have, judged on the other half of the probe."""
    return proposal.best_step(every_target(proposal.signal))


def value(proposal: Proposal) -> Tensor:
    """What candidates bid, interns aside."""
    return replace(proposal, seen=False).decrease(every_target(proposal.signal))


def shown(proposal: Proposal) -> Tensor:
    """Decrease on unseen samples after a few steps of practice, as interns bid."""
    loss = proposal.signal.loss
    start = replace(proposal, fan_out=torch.zeros_like(proposal.fan_out), seen=True)
    return spikes(climb(start, GrowthOptions(), lambda gradient: predicted_decrease(gradient[..., ::2], loss[::2])))


PREDICTORS: dict[str, Callable[[Proposal], Tensor]] = {
    function.__name__: function
    for function in (
        value,
        whitened,
        fisher,
        spikes,
        second_order,
        shown,
        gradient_norm,
        per_adjoint,
    )
}


class Laboratory:
    """A trained network that can be copied as often as one likes."""

    def __init__(self, config: Config, rounds: int) -> None:
        self.config, self.source = config, Simulation(config)
        for _ in range(rounds):
            self.source.step()
        self.state = copy.deepcopy(self.source.state_dict())

    def copy(self) -> Simulation:
        """The network as it was when training stopped."""
        twin = Simulation(self.config, self.source.stream)
        registry = self.source.registry
        twin.load_state_dict(self.state, registry.neurons, registry.links)
        return twin

    def candidates(self, twin: Simulation, rule: str) -> tuple[Call, list[CandidateNeuron]]:
        """All candidates that a rule sends into an auction; the same ones for every copy."""
        seed = self.config.run.seed
        expert, batches = twin.gating.experts[0], twin.batches_of(twin.experience)
        twin.random.seed(seed)
        x, wanted = batches.probe(self.config.growth.probe, twin.round)
        chance = partial(generator, seed, Use.GROWTH, twin.round, 0)
        call = twin.grower.call(expert, 0, rule, twin.grower.probe(expert, x, wanted), partial(chance, 0))
        return call, sorted(twin.grower.invite(call), key=lambda c: c.number)

    def loss_after(self, rounds: int, order: int, rule: str = "", index: int = -1) -> float:
        """Validation loss after further rounds in an order of minibatches, with one candidate grafted or none."""
        twin = self.copy()
        if rule:
            call, candidates = self.candidates(twin, rule)
            outcomes = twin.grower.settle(call, [candidates[index]], 1)
            if not outcomes[0].won:
                return float("nan")
            twin.growing.register(twin.round)
        twin.reorder(self.config.run.seed + 1000 * order)
        for _ in range(rounds):
            twin.step()
        x, wanted = twin.batches_of(twin.experience).evaluation(VALIDATION)
        return float(twin.grower.probe(twin.gating.experts[0], x, wanted).loss.mean())


def configuration(stream: StreamOptions, seed: int) -> Config:
    """A joint network that does not grow by itself and whose places cost nothing."""
    base = Config(stream=stream, run=RunOptions(seed=seed))
    free = replace(base.auction, slot_price=0.0, row_price=0.0, wire_price=0.0)
    training = replace(base.training, rounds=20, steps=50, learning_rate=0.005)
    growth = replace(base.growth, when="never", seed_width=4, candidates=2)
    return replace(base, training=training, growth=growth, auction=free)


def measure(stream: StreamOptions, seed: int, rules: tuple[str, ...], options: Truth) -> list[dict[str, Any]]:
    """One record a candidate of one network."""
    laboratory = Laboratory(configuration(stream, seed), options.rounds)
    more = max(1, options.steps // laboratory.config.training.steps)
    control = [laboratory.loss_after(more, order) for order in range(options.orders)]
    records: list[dict[str, Any]] = []
    for rule in rules:
        _, candidates = laboratory.candidates(laboratory.copy(), rule)
        chosen = np.random.default_rng(seed).permutation(len(candidates))[: options.candidates]
        for index in sorted(chosen.tolist()):
            candidate = candidates[index]
            after = [laboratory.loss_after(more, order, rule, index) for order in range(options.orders)]
            bids = {name: float(of(candidate.proposal)[candidate.index]) for name, of in PREDICTORS.items()}
            decrease = [before - now for before, now in zip(control, after, strict=True)]
            if np.isfinite(decrease).all():
                where = {"stream": stream.name, "rule": rule, "seed": seed, "tile": candidate.tile}
                records.append({**where, **bids, "decrease": decrease})
    return records


def correlation(records: list[dict[str, Any]], predictor: Callable[[dict[str, Any]], float]) -> float:
    """Mean over networks of Spearman's rank correlation with the achieved decrease."""
    return _mean_rank(records, predictor, lambda record: float(np.mean(record["decrease"])))


def reliability(records: list[dict[str, Any]]) -> float:
    """Of the achieved decrease: rank correlation of two halves of the orders, stepped up to all of them."""
    half = _mean_rank(
        records, lambda r: float(np.mean(r["decrease"][::2])), lambda r: float(np.mean(r["decrease"][1::2]))
    )
    return 2 * half / (1 + half)


def _mean_rank(
    records: list[dict[str, Any]], a: Callable[[dict[str, Any]], float], b: Callable[[dict[str, Any]], float]
) -> float:
    rows = []
    for seed in sorted({record["seed"] for record in records}):
        here = [record for record in records if record["seed"] == seed]
        rows.append(float(spearmanr([a(r) for r in here], [b(r) for r in here]).statistic))
    return float(np.mean(rows))


def view(records: list[dict[str, Any]]) -> Table:
    """A row for each data set and rule, and one for all rules together."""
    table = Table(title="rank correlation with the achieved decrease of the validation loss", title_justify="left")
    for column in ("stream", "rule", "candidates", *PREDICTORS, "reliability", "mean value", "mean decrease, nats"):
        table.add_column(column.replace("_", " "), justify="left" if column in ("stream", "rule") else "right")
    for stream in sorted({record["stream"] for record in records}):
        of_stream = [record for record in records if record["stream"] == stream]
        for rule in (*dict.fromkeys(record["rule"] for record in of_stream), "all"):
            here = [record for record in of_stream if rule in (record["rule"], "all")]
            ranks = [correlation(here, lambda r, name=name: r[name]) for name in PREDICTORS]  # type: ignore[misc]
            decrease = [np.mean(record["decrease"]) for record in here]
            numbers = [f"{rank:+.2f}" for rank in (*ranks, reliability(here))]
            spread = f"{np.mean(decrease):+.4f} ± {np.std(decrease):.4f}"
            value = f"{np.mean([record['value'] for record in here]):.3f}"
            table.add_row(stream, rule, str(len(here)), *numbers, value, spread)
    return table


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Truth, description=__doc__)
    base = Config().network
    rules = options.rules or tuple(name for name, rule in GROWTH_RULES.items() if not rule.refusal(base))
    streams = [StreamOptions(setting="joint")]
    if options.fsdd:
        streams.append(StreamOptions(setting="joint", name="fsdd", path=options.fsdd))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, mp_context=context, max_tasks_per_child=1) as pool:
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        jobs = [pool.submit(measure, s, seed, rules, options) for s in streams for seed in seeds]
        records = [record for job in track(jobs, "networks", transient=True) for record in job.result()]
    Console(width=None if sys.stdout.isatty() else 200).print(view(records))
    if options.json:
        options.json.write_text(json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    script(main)
