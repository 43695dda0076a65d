"""Growing Brains with rate units: do costs of wires and swaps bring functional modules that sit together?

    python benchmarks/growing_brains.py
    python benchmarks/growing_brains.py --along --out runs/growing-brains     # measures along training too, and a table
    python benchmarks/growing_brains.py --units 400 --steps 12000             # the paper's 20 x 20

Liu, Khona, Fiete and Tegmark 2023 (arXiv 2310.07711): one recurrent net of rate units on a square grid (``grid_net``)
learns the 20 cognitive tasks of Yang et al. 2019 at once. Nets differ in what weights cost, and in who changes places:

    none                nothing costs anything
    l1                  all weights alike
    l1-swap             the same, and units change places where that shortens their connections
    length              recurrent weights by their length (BIMT), those of inputs and outputs alike
    length-swap         with swaps: the paper's BIMT
    length-random-swap  with as many swaps drawn at random
    swap                nothing costs anything, but units change places

Trials are those of the stream ``cognitive`` with the task told, its firing probabilities heard as numbers, every second
step of 50 ms. Strength rises in thirds (BIMT: .01, .1 and 1). Nets of a seed begin alike and see the same minibatches.

Printed is what ``analysis.chip.modules`` measures, of units that take part: they are active and lead on to an output.
Normalised task variance is Yang's: the variance of a rate over the trials of a task at each step, averaged over steps;
these are counted from the response (10 before it and 7 of it, at 50 ms), so that the variance is not that of the time
at which trials let go. Accuracy is the share of validation trials answered rightly (``direction``), mean over tasks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import networkx as nx
import numpy as np
import pandas as pd
import torch
import tyro
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import nn

from benchmarks.brains.grid_net import GridNet
from benchmarks.brains.trials import Trials, trials
from benchmarks.script import script
from smalti.analysis.anew import activity
from smalti.analysis.chip import modules
from smalti.model.criterion import CRITERIA
from smalti.model.options import ranges
from smalti.scheduler.records.atomic import write_bytes_atomic
from smalti.scheduler.streams.scores import SCORES
from smalti.scheduler.streams.tasks.cognitive import STEPS
from smalti.scheduler.streams.tasks.course import GRACE, PHASES, RESPONSE

BEFORE = 10  # steps before the response in which rates are compared, of the stream
Name = Literal["none", "l1", "l1-swap", "length", "length-swap", "length-random-swap", "swap"]
NAMES: tuple[Name, ...] = ("none", "l1", "l1-swap", "length", "length-swap", "length-random-swap")
QUICK: dict[str, Any] = {"seeds": 1, "units": 49, "steps": 150, "measures": 2}
SHOWN: dict[str, Callable[[float], str]] = {
    "accuracy": lambda value: f"{100 * value:.1f}",
    "weights": "{:,.0f}".format,
    "loops": "{:.2f}".format,
    "length": "{:.2f}".format,
    "taking_part": "{:.0f}".format,
    "clusters": "{:.1f}".format,
    "functional": "{:.2f}".format,
    "wiring": "{:.2f}".format,
    "anatomical": "{:.2f}".format,
    "quantile": "{:.2f}".format,
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """How large nets are, how they learn and what weights cost.

    Attributes:
        variants: which nets.
        seeds: nets of each kind, from seed 0 on.
        units: of the net, a square number.
        steps: minibatches.
        batch: trials of a minibatch, of all tasks.
        rate: learning rate of Adam; it falls to 0 over the last tenth of the steps.
        every: steps of the stream (50 ms) that one step of the net takes.
        leak: share of a unit's rate that is new in a step.
        noise: standard deviation of what is added to every input of training.
        strength: of the penalty at last: squared error that a unit of weight of mean cost must spare.
        ramp: strength in equal parts of the training, as shares of that.
        local: what a weight costs however short it is, in places of the grid.
        swap_every: minibatches from swaps to swaps.
        swapped: share of the units that look for a partner then.
        measures: how often a net is measured, at equal distances and at the end.
        along: print all of them, not only the last.
        quick: a small net, one seed and next to no training, to see that it works.
        out: folder for pandas.read_parquet("OUT/nets.parquet"), a row a measured net; without it nothing is written.
    """

    variants: tuple[Name, ...] = NAMES
    seeds: int = 3
    units: int = 196
    steps: int = 5000
    batch: int = 64
    rate: float = 2e-3
    every: int = 2
    leak: float = 0.5
    noise: float = 0.05
    strength: float = 3e-4
    ramp: tuple[float, ...] = (0.1, 1.0, 1.0)
    local: float = 1.0
    swap_every: int = 50
    swapped: float = 0.1
    measures: int = 8
    along: bool = False
    quick: bool = False
    out: Path | None = None

    def __post_init__(self) -> None:
        ranges.at_least("", self, 1, "seeds", "steps", "batch", "every", "swap_every", "measures")
        ranges.positive("", self, "rate", "leak", "swapped")
        ranges.not_negative("", self, "noise", "strength", "local")
        if math.isqrt(max(self.units, 0)) ** 2 != self.units or self.units < 4:
            raise ValueError(f"units = {self.units} must be a square number, 4 or more, such as 196")
        if not self.variants or not self.ramp:
            raise ValueError("variants and ramp must not be empty")


def learn(
    name: Name, train: Trials, asked: Trials, options: Options, seed: int, tell: Callable[[], None]
) -> list[dict[str, float]]:
    """Train one net.

    Args:
        name: of its kind.
        train: trials to learn from.
        asked: trials of which it is measured.
        options: the options.
        seed: of weights, minibatches, noise and draws.
        tell: is called after every step.

    Returns:
        What was measured, with the step.
    """
    torch.manual_seed(seed)
    chance, places = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    net = GridNet(train.x.shape[2], options.units, train.targets.shape[2], options.leak, options.local)
    adam = torch.optim.Adam(net.parameters(), options.rate)
    fall = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: min(1.0, 10 * (1 - step / options.steps)))
    tried = max(1, round(options.swapped * options.units))
    due = {round(options.steps * k / options.measures) for k in range(1, options.measures + 1)}
    found = list[dict[str, float]]()
    for step in range(options.steps):
        rows = torch.randint(len(train.x), (options.batch,), generator=chance)
        _step(net, adam, train.of(rows), options.noise, chance)
        if name not in ("none", "swap"):
            part = options.ramp[step * len(options.ramp) // options.steps]
            net.shrink(adam, options.strength * part, name.startswith("length"))
        fall.step()
        if (step + 1) % options.swap_every == 0:
            _change_places(net, name, tried, places)
        if step + 1 in due:
            found.append({"step": step + 1, **measured(net, asked, seed)})
        tell()
    return found


def _step(net: GridNet, adam: torch.optim.Optimizer, batch: Trials, noise: float, chance: torch.Generator) -> None:
    x = batch.x + noise * torch.randn(batch.x.shape, generator=chance)
    loss = CRITERIA["squared_error"].losses(net(x), batch.targets, batch.weights).mean()
    adam.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    adam.step()


def _change_places(net: GridNet, name: Name, tried: int, places: np.random.Generator) -> None:
    if name.endswith("random-swap"):
        for unit, other in places.integers(len(net.place), size=(tried, 2)):
            net.exchange(int(unit), int(other))
    elif name.endswith("swap"):
        net.swap(tried)


@torch.no_grad()
def measured(net: GridNet, asked: Trials, seed: int = 0) -> dict[str, float]:
    """What ``SHOWN`` names; NaN for what needs two clusters where there are none."""
    variance, accuracy = task_variance(net, asked)
    weight, loops = net.weight, float(net.recurrent.diagonal().abs().sum())
    variance = activity.normalised(variance[variance.index.isin(modules.leading_on(graph(net)))])
    values = {
        "accuracy": float(np.mean(accuracy)),
        "weights": float(np.count_nonzero(weight)),
        "loops": loops / (loops + float(weight.sum()) or 1.0),
        "length": net.length,
        "taking_part": float(len(variance)),
    }
    return values | modular(variance, weight, net.apart, seed)


def modular(variance: pd.DataFrame, weight: np.ndarray, apart: np.ndarray, seed: int = 0) -> dict[str, float]:
    """The measures of modularity.

    Args:
        variance: normalised task variance of the units that take part, by number.
        weight: |w| between all units [N, N], source by target.
        apart: distance between all units [N, N].
        seed: of draws.
    """
    names = ("clusters", "functional", "wiring", "anatomical", "quantile")
    if len(variance) < modules.FEWEST:
        return dict.fromkeys(names, math.nan)
    labels, silhouette = activity.clustered(variance, seed)
    units = np.ix_(labels.index.to_numpy(), labels.index.to_numpy())
    if labels.nunique() < 2 or not weight[units].any():
        return dict.fromkeys(names, math.nan)
    found = modules.placed(weight[units], apart[units], labels.to_numpy(np.int64), seed=seed)
    functional = silhouette - modules.shuffled_silhouette(variance, seed)
    values = (labels.nunique(), functional, found.wiring, found.anatomical, found.quantile)
    return {name: float(value) for name, value in zip(names, values, strict=True)}


@torch.no_grad()
def task_variance(net: GridNet, asked: Trials) -> tuple[pd.DataFrame, list[float]]:
    """Variance over trials, mean over steps, a row a unit and a column a task, and accuracy of every task."""
    columns, accuracy, every = {}, [], round(STEPS / asked.x.shape[1])
    steps = torch.arange(-(BEFORE // every), (RESPONSE - GRACE) // every)
    for task, name in enumerate(asked.names):
        mine = asked.of(asked.task == task)
        rates = net.rates(mine.x)
        accuracy.append(SCORES["direction"](net.say(rates), mine.targets, mine.weights))
        begin = (mine.weights == PHASES[1]).int().argmax(1)
        aligned = rates[torch.arange(len(rates))[:, None], begin[:, None] + steps]
        columns[name] = aligned.double().var(0, correction=0).mean(0).numpy()
    return pd.DataFrame(columns).rename_axis("unit"), accuracy


def graph(net: GridNet) -> nx.DiGraph:
    """Units and outputs, as far as they are connected, as ``modules.leading_on`` takes them."""
    units, made = len(net.place), nx.DiGraph()
    made.add_nodes_from(range(units), kind="hidden")
    made.add_nodes_from(range(units, units + len(net.say.weight)), kind="output")
    for first, weight in ((0, net.recurrent), (units, net.say.weight)):
        to, source = np.nonzero(weight.detach().numpy())
        made.add_edges_from(zip(source.tolist(), (first + to).tolist(), strict=True), weight=1.0)
    return made


def spread(values: pd.Series[float], form: Callable[[float], str]) -> str:
    """Mean, least and greatest of those that there are."""
    return "" if values.isna().all() else f"{form(values.mean())} ({form(values.min())}-{form(values.max())})"


def tabled(found: pd.DataFrame, options: Options) -> Table:
    """A row a net, or a net and step."""
    title = f"{options.units} units, {options.steps:,} minibatches of {options.batch}, strength {options.strength:g}; "
    table = Table(*("net", *(["step"] if options.along else []), *SHOWN), title=f"{title}mean, least and greatest")
    shown = found if options.along else found[found["step"] == options.steps]
    for (name, step), mine in shown.groupby(["net", "step"], sort=False):
        cells = [spread(mine[column], form) for column, form in SHOWN.items()]
        table.add_row(str(name), *([f"{step:,}"] if options.along else []), *cells)
    return table


def keep(out: Path, found: pd.DataFrame) -> None:
    """Write the table of the nets so far, whole."""
    out.mkdir(parents=True, exist_ok=True)
    write_bytes_atomic(out / "nets.parquet", found.to_parquet(index=False))


def main() -> None:
    """Print the table."""
    options = tyro.cli(Options, description=__doc__)
    options = replace(options, **QUICK) if options.quick else options
    train, asked = trials(options.every)
    rows = list[dict[str, Any]]()
    with Progress(transient=True) as progress:
        bar = progress.add_task("learning", total=options.steps * options.seeds * len(options.variants))
        for seed, name in product(range(options.seeds), options.variants):
            learned = learn(name, train, asked, options, seed, lambda: progress.advance(bar))
            rows += [{"net": name, "seed": seed, **row} for row in learned]
            if options.out is not None:
                keep(options.out, pd.DataFrame(rows))
    Console(width=200).print(tabled(pd.DataFrame(rows), options))


if __name__ == "__main__":
    script(main)
