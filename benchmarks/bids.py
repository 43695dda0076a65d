"""Does a bid tell the truth? Predicted value of candidates against the decrease of the loss when each alone is grafted.

    python benchmarks/bids.py --candidates 24 --fsdd free-spoken-digit-dataset.zip

A joint network is trained for some rounds. Then every sampled candidate is grafted alone into a copy of it, the copy is
trained on for --steps minibatches, and the loss on validation data is compared with that of a copy without the
graft that saw the same minibatches. Printed is Spearman's rank correlation of the achieved decrease with the value, and
with the norm of the newborn's gradient as the simplest alternative.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import spearmanr

from agents.candidate import CandidateNeuron
from agents.tile import Call
from scheduler import snapshot
from scheduler.config import Config, RunOptions
from scheduler.feed import VALIDATION
from scheduler.randomness import Use, generator
from scheduler.simulation import Simulation
from scheduler.streams import StreamOptions


@dataclass(frozen=True)
class Truth:
    """Compare bids with what they bring.

    Attributes:
        candidates: candidates sampled for each rule, seed and data set.
        seeds: networks.
        rounds: rounds of 50 minibatches before the graft.
        steps: minibatches after the graft.
        fsdd: archive or folder of the Free Spoken Digit Dataset; empty leaves it out.
        json: file for the results.
    """

    candidates: int = 12
    seeds: int = 2
    rounds: int = 2
    steps: int = 200
    fsdd: str = ""
    json: Path | None = None


class Laboratory:
    """A trained network that can be copied as often as one likes."""

    def __init__(self, config: Config, rounds: int) -> None:
        self.config, self.source = config, Simulation(config)
        for _ in range(rounds):
            self.source.step()
        self.tensors, self.facts = snapshot.take(self.source)
        self.tensors = {name: tensor.clone() for name, tensor in self.tensors.items()}

    def copy(self) -> Simulation:
        """The network as it was when training stopped."""
        twin = Simulation(self.config, self.source.stream)
        census = self.source.census
        snapshot.restore(twin, self.tensors, self.facts, census.neurons, census.links)
        return twin

    def candidates(self, twin: Simulation, rule: str) -> tuple[Call, list[CandidateNeuron]]:
        """All candidates that a rule sends into an auction; the same ones for every copy."""
        seed = self.config.run.seed
        expert, feed = twin.gating.experts[0], twin.feed_of(twin.experience)
        twin.random.seed(seed)
        x, labels = feed.probe(self.config.growth.probe, twin.round)
        chance = partial(generator, seed, Use.GROWTH, twin.round, 0)
        call = twin.grower.call(expert, 0, rule, twin.grower.probe(expert, x, labels), partial(chance, 0))
        return call, sorted(twin.grower.invite(call), key=lambda c: c.number)

    def loss_after(self, steps_rounds: int, rule: str = "", index: int = -1) -> float:
        """Validation loss after further rounds, with one candidate grafted or none."""
        twin = self.copy()
        if rule:
            call, candidates = self.candidates(twin, rule)
            outcomes = twin.grower.settle(call, [candidates[index]], 1)
            if not outcomes[0].won:
                return float("nan")
            twin.register([])
        for _ in range(steps_rounds):
            twin.step()
        x, labels = twin.feed_of(twin.experience).evaluation(VALIDATION)
        return float(twin.grower.probe(twin.gating.experts[0], x, labels).loss.mean())


def configuration(stream: StreamOptions, seed: int) -> Config:
    """A joint network that does not grow by itself and whose places cost nothing."""
    base = Config(stream=stream, run=RunOptions(seed=seed))
    free = replace(base.auction, slot_price=0.0, row_price=0.0, wire_price=0.0)
    training = replace(base.training, rounds=20, steps=50, learning_rate=0.005)
    growth = replace(base.growth, when="never", seed_width=4, candidates=2)
    return replace(base, training=training, growth=growth, auction=free)


def measure(stream: StreamOptions, rule: str, options: Truth) -> list[dict[str, Any]]:
    """One record a candidate."""
    records: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        laboratory = Laboratory(configuration(stream, seed), options.rounds)
        more = max(1, options.steps // laboratory.config.training.steps)
        control = laboratory.loss_after(more)
        _, candidates = laboratory.candidates(laboratory.copy(), rule)
        chosen = np.random.default_rng(seed).permutation(len(candidates))[: options.candidates]
        for index in track(sorted(chosen.tolist()), f"{stream.name}, {rule}, seed {seed}", transient=True):
            candidate = candidates[index]
            assert candidate.bid is not None
            gradient = candidate.proposal.gradient[candidate.index].mean(-1)
            after = laboratory.loss_after(more, rule, index)
            records.append(
                {
                    "stream": stream.name,
                    "rule": rule,
                    "seed": seed,
                    "candidate": candidate.number,
                    "tile": candidate.tile,
                    "value": candidate.bid.value,
                    "gradient_norm": float(gradient.norm()),
                    "decrease": control - after,
                }
            )
    return [record for record in records if np.isfinite(record["decrease"])]


def correlation(records: list[dict[str, Any]], predictor: str) -> float:
    """Mean over networks of Spearman's rank correlation with the achieved decrease."""
    seeds = sorted({record["seed"] for record in records})
    found = []
    for seed in seeds:
        here = [record for record in records if record["seed"] == seed]
        found.append(float(spearmanr([r[predictor] for r in here], [r["decrease"] for r in here]).statistic))
    return float(np.mean(found))


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Truth, description=__doc__)
    streams = [StreamOptions(setting="joint")]
    if options.fsdd:
        streams.append(StreamOptions(setting="joint", name="fsdd", path=options.fsdd))
    table = Table(title="rank correlation with the achieved decrease of the validation loss", title_justify="left")
    for column in ("stream", "rule", "candidates", "value", "gradient norm", "mean decrease, nats"):
        table.add_column(column)
    every = []
    for stream in streams:
        for rule in ("gradmax_whitened", "random"):
            records = measure(stream, rule, options)
            every += records
            decrease = [record["decrease"] for record in records]
            by_value, by_norm = correlation(records, "value"), correlation(records, "gradient_norm")
            numbers = f"{by_value:+.2f}", f"{by_norm:+.2f}", f"{np.mean(decrease):+.4f} ± {np.std(decrease):.4f}"
            table.add_row(stream.name, rule, str(len(records)), *numbers)
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    if options.json:
        options.json.write_text(json.dumps(every, indent=1) + "\n")


if __name__ == "__main__":
    main()
