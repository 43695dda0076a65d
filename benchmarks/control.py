"""Control by evolution or policy gradient: an expert on a chip that grows, static ones, and a dense net of rates.

    python benchmarks/control.py                               CartPole-v1 until 475, five seeds
    python benchmarks/control.py --world acrobot --seeds 0
    python benchmarks/control.py --strategy.by gradient --strategy.rate 0.01
    python benchmarks/control.py tasks                         poles of four lengths, one after the other

Needs the extra `control`. Every net hears the same population code and learns in the same way
(``smalti.scheduler.control``): by evolution strategies, 16 antithetic pairs a generation with an episode each, or by
policy gradient, 32 episodes a generation. A net has solved its environment when its unperturbed weights have a mean
return of the published threshold over 100 episodes, of seeds that it never trained on; it is examined every five
generations. Episodes count all that it trained on until then. *Grown* begins with one neuron in each of the two tiles
on its way and doubles, by the auction, where its return has not risen for ten generations. In *tasks* a pole of another
length follows when the one before is solved: an expert for each on one chip, which is told the task, beside one expert
that learns them all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.script import script
from smalti.model.chip.fabric import NoRoomError
from smalti.model.options import ranges
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.control.chip import ControlChip
from smalti.scheduler.control.players import Dense, Policy, Spiking
from smalti.scheduler.control.probing import heard
from smalti.scheduler.control.strategy import JUDGED, Learned, StrategyOptions, judge, learn
from smalti.scheduler.control.worlds import WORLDS, Episodes
from smalti.scheduler.records.atomic import write_bytes_atomic

CELLS = 8  # channels an observation
CHIP: dict[str, dict[str, Any]] = {
    "fabric": {"rows": 2, "cols": 2, "neurons_per_tile": 20, "corner_wires": 8, "inputs": "every"},
    "network": {"tau_ms": 5.0, "output_tau_ms": 5.0},
    "growth": {"siblings": True},
}
LENGTHS = (0.5, 1.0, 0.25, 2.0)  # of half a pole, metres; the first is the environment's own


@dataclass(frozen=True)
class Control:
    """Learn to act, several nets beside each other.

    Attributes:
        what: one environment, or poles of several lengths in turn.
        world: cartpole, acrobot, mountain-car or pendulum; the poles are cartpole's.
        seeds: of nets, episodes and perturbations.
        widths: neurons in each of the two tiles of static nets, the last also the most that a grown one has; dense
            nets have twice as many.
        steps: time steps of the chip from one observation to the next.
        strategy: the strategy.
        out: folder for the tables of `one`, pandas.read_parquet("OUT/nets.parquet") (a row a net and seed) and
            "OUT/generations.parquet" (a row a generation); without it nothing is written.
    """

    what: tyro.conf.Positional[Literal["one", "tasks"]] = "one"
    world: str = "cartpole"
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    widths: tuple[int, ...] = (1, 2, 4, 8, 16)
    steps: int = 4
    strategy: StrategyOptions = field(default_factory=lambda: StrategyOptions(rate=0.1))
    out: Path | None = None

    def __post_init__(self) -> None:
        if self.out is not None and self.what == "tasks":
            raise ValueError("--out takes the tables of one environment; leave it out for tasks")
        if self.world not in WORLDS:
            raise ValueError(f"--world {self.world}: there is no such environment; take one of {', '.join(WORLDS)}")
        if self.what == "tasks" and self.world != "cartpole":
            raise ValueError(f"--world {self.world} has no poles of other lengths; leave it out for tasks")
        for name, values, least in (("seeds", self.seeds, 0), ("widths", self.widths, 1), ("steps", (self.steps,), 1)):
            if not values or not all(least <= value <= ranges.MOST for value in values):
                given = " ".join(map(str, values)) or "without a value"
                raise ValueError(f"--{name} {given}: give numbers from {least} to {ranges.MOST:,}")


@dataclass
class Home:
    """A chip with experts, and what it takes to open and to grow them."""

    asked: Control
    seed: int

    def __post_init__(self) -> None:
        self.world, self.opened = WORLDS[self.asked.world], 0
        wires = {"wires": len(self.world.low) * CELLS}
        config = configure({**CHIP, "fabric": {**CHIP["fabric"], **wires}, "run": {"seed": self.seed}})
        self.chip = ControlChip(config, len(self.world.low) * CELLS)

    def open(self, episodes: Episodes, width: int) -> Spiking:
        """An expert for the next task."""
        self.opened += 1
        x = heard(episodes, CELLS, self.asked.steps, self.seed, self.opened)
        expert = self.chip.open(self.world.outputs, x, width)
        return Spiking(self.chip, expert, self.world, CELLS, self.asked.steps)

    def growth(self, policy: Spiking, episodes: Episodes, most: int) -> Callable[[], bool]:
        """Lets an expert double, up to so many neurons; refused where the chip has no room."""

        def grow() -> bool:
            width = min(policy.neurons, most - policy.neurons) // 2
            if width < 1:
                return False
            self.opened += 1
            x = heard(episodes, CELLS, self.asked.steps, self.seed, self.opened, policy)
            try:
                born = self.chip.grow(policy.expert, x, width)
            except NoRoomError:
                return False
            policy.look()
            return born > 0

        return grow


Result = tuple[str, int, Learned, float]  # who, its seed, what came of it, CPU seconds
Generation = tuple[str, int, int, float, int]  # who, its seed, number, mean return, hidden neurons


def nets(asked: Control, seed: int, episodes: Episodes) -> Iterator[tuple[str, Policy, Callable[[], bool]]]:
    """Name, net and growth of all that learn one environment."""
    most = 2 * asked.widths[-1]
    home = Home(asked, seed)
    grown = home.open(episodes, 1)
    yield f"chip, grown from 2 to at most {most}", grown, home.growth(grown, episodes, most)
    for width in asked.widths:
        yield f"chip, {2 * width} from the start", Home(asked, seed).open(episodes, width), lambda: False
    for width in asked.widths:
        yield f"dense rates, {2 * width}", Dense(WORLDS[asked.world], CELLS, 2 * width, seed), lambda: False


def one(asked: Control) -> Table:
    """All nets on one environment."""
    episodes, results = Episodes(asked.world, 2 * asked.strategy.pairs), list[Result]()
    generations = list[Generation]()
    for seed in asked.seeds:
        for name, net, grow in nets(asked, seed, episodes):
            begun = time.process_time()
            follow = partial(_follow, generations, name, seed)
            learned = learn(net, episodes, asked.strategy, seed, grow, follow)
            results.append((name, seed, learned, time.process_time() - begun))
            if asked.out is not None:
                keep(asked.out, results, generations)
            print(f"seed {seed}: {name}: {learned.episodes} episodes, {learned.judged.mean:.1f}", flush=True)
    heads = ("net", "solved", "episodes", "actions", "return then", "neurons", "spikes an action", "CPU s")
    table = Table(*heads, title=f"{WORLDS[asked.world].name}, {len(asked.seeds)} seeds: medians, least to greatest")
    for name in dict.fromkeys(name for name, *_ in results):
        mine = [(learned, seconds) for who, _, learned, seconds in results if who == name]
        table.add_row(
            name,
            f"{sum(learned.solved for learned, _ in mine)} of {len(mine)}",
            spread([learned.episodes for learned, _ in mine]),
            f"{np.median([learned.actions for learned, _ in mine]):,.0f}",
            spread([learned.judged.mean for learned, _ in mine]),
            spread([learned.neurons for learned, _ in mine]),
            f"{np.median([learned.judged.spikes for learned, _ in mine]):.1f}",
            f"{np.median([seconds for _, seconds in mine]):.1f}",
        )
    table.caption = silent(results)
    return table


def silent(results: list[Result]) -> str | None:
    """Nets on the chip that fired no spike when they were judged in the end: what they do is one and the same."""
    mute = [f"{who} (seed {seed})" for who, seed, learned, _ in results if _mute(who, learned)]
    return f"silent in the end, so that they do the same whatever they see: {', '.join(mute)}" if mute else None


def _mute(who: str, learned: Learned) -> bool:
    return who.startswith("chip") and learned.judged.spikes == 0


def _follow(into: list[Generation], name: str, seed: int, generation: int, mean: float, neurons: int) -> None:
    into.append((name, seed, generation, mean, neurons))


def keep(out: Path, results: list[Result], generations: list[Generation]) -> None:
    """Write the tables, each whole."""
    nets = [
        {"net": name, "seed": seed, "cpu_seconds": seconds, "solved": learned.solved, "episodes": learned.episodes}
        | {"actions": learned.actions, "neurons": learned.neurons, "mean_return": learned.judged.mean}
        | {"least_return": learned.judged.least, "spikes_per_action": learned.judged.spikes}
        for name, seed, learned, seconds in results
    ]
    columns = ["net", "seed", "generation", "mean_return", "neurons"]
    tables = {"nets": pd.DataFrame(nets), "generations": pd.DataFrame(generations, columns=columns)}
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write_bytes_atomic(out / f"{name}.parquet", table.to_parquet(index=False))


def tasks(asked: Control) -> Table:
    """Poles of several lengths: an expert each on one chip, or one expert for all, of as many neurons together."""
    width, places = 4, 2 * asked.strategy.pairs
    found: dict[str, list[list[tuple[float, float, float]]]] = {"an expert each": [], "one expert": []}
    for seed in asked.seeds:
        for name, rows in found.items():
            home, apart = Home(asked, seed), name == "an expert each"
            worlds = [Episodes("cartpole", places, {"length": length}) for length in LENGTHS]
            shared = None if apart else home.open(worlds[0], width * len(LENGTHS))
            policies, learned = list[Spiking](), list[Learned]()
            for number, world in enumerate(worlds):
                policies.append(shared or home.open(world, width))
                policies[-1].look()
                learned.append(learn(policies[-1], world, asked.strategy, 100 * seed + number))
            for policy in policies:
                policy.look()
            last = [
                judge(policy, world, asked.strategy.judged, places, seed, JUDGED, 0).mean
                for policy, world in zip(policies, worlds, strict=True)
            ]
            rows.append([(k.episodes, k.judged.mean, end) for k, end in zip(learned, last, strict=True)])
            print(f"seed {seed}: {name}: {[round(end, 1) for end in last]} at the end", flush=True)
    title = f"CartPole-v1, half a pole of {', '.join(map(str, LENGTHS))} m, in this order: medians, least to greatest"
    table = Table("who", "length", "episodes", "return once learned", "return at the end", title=title)
    for name, rows in found.items():
        for k, length in enumerate(LENGTHS):
            table.add_row(
                name, str(length), *(spread(list(values)) for values in zip(*(r[k] for r in rows), strict=True))
            )
    return table


def spread(values: list[float] | list[int]) -> str:
    """Median, least and greatest."""
    median, low, high = np.median(values), min(values), max(values)
    digits = ".0f" if all(float(value).is_integer() for value in (median, low, high)) else ".1f"
    return f"{median:,{digits}} ({low:,{digits}}-{high:,{digits}})"


def main() -> None:
    """Print the table."""
    asked = tyro.cli(Control)
    Console(width=140).print(one(asked) if asked.what == "one" else tasks(asked))


if __name__ == "__main__":
    script(main)
