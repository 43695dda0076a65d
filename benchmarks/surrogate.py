"""How narrow may the surrogate's support be? Validation accuracy against the share of neurons that pass a gradient.

    python benchmarks/surrogate.py --seeds 5 --fsdd free-spoken-digit-dataset.zip --plot surrogate.svg
    python benchmarks/surrogate.py --seeds 2 --streams digits-joint --surrogates triangle:.7:.3 triangle:.25:1
    python benchmarks/surrogate.py --no-run --json surrogate.json       # reports what is finished, runs nothing

A surrogate is written shape:width:height. Every one is compared with --baseline,
seed by seed: the interval is Student's t of the paired differences (Student 1908). The active fraction is the share of
(step, running hidden neuron, sample) within the support, on a training batch of the trained network, mean over
experiences. Every trial is a run folder under --out; the command goes on where it was stopped. Test data is not read.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Literal

import tyro
from rich.console import Console
from rich.table import Table
from scipy.stats import t as student

from benchmarks.activity import Meter, Trial
from smalti.model.gating import GatingOptions
from smalti.model.neuron import SURROGATES, NetworkOptions
from smalti.scheduler.config import Config, RunOptions
from smalti.scheduler.experiments.running import run_all
from smalti.scheduler.streams import StreamOptions

CONFIDENCE = 0.95
STREAMS = ("digits-joint", "digits-split", "fsdd-joint", "fsdd-split")
CHOICE = ("fast_sigmoid:.5:.45", "fast_sigmoid:.7:.4")
Streams = dict[str, tuple[Config, str]]  # name -> configuration, setting reported


@dataclass(frozen=True, kw_only=True)
class Options:
    """Compare surrogates on digits and, where the archive is given, on spoken digits.

    Attributes:
        seeds: runs of every surrogate on every stream.
        fsdd: archive or folder of the Free Spoken Digit Dataset; empty leaves it out.
        streams: streams to run, by name; empty runs all.
        baseline: surrogate that the others are compared with.
        surrogates: the others.
        rounds: rounds of an experience, to screen quickly; 0 is the stream's own.
        workers: trials at a time; 0 takes one for each core.
        run: run the trials that are missing; otherwise only those that are finished are reported.
        out: folder of the trials.
        json: file for the results.
        plot: picture of accuracy against active fraction, .svg or .png.
    """

    seeds: int = 5
    fsdd: str = ""
    streams: tuple[str, ...] = ()
    baseline: str = "triangle:1:.3"
    surrogates: tuple[str, ...] = CHOICE
    rounds: int = 0
    workers: int = 0
    run: bool = True
    out: Path = Path("runs/surrogate")
    json: Path | None = None
    plot: Path | None = None

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ValueError(f"--seeds {self.seeds} must be at least 1")
        if unknown := set(self.streams) - set(STREAMS):
            raise ValueError(f"--streams {', '.join(sorted(unknown))} unknown; take {', '.join(STREAMS)}")
        if self.plot and self.plot.suffix not in (".svg", ".png"):
            raise ValueError(f"--plot {self.plot} is of no known picture type; name it .svg or .png")
        for text in self.every:
            Surrogate.parse(text)

    @property
    def every(self) -> tuple[str, ...]:
        """The baseline first, then the others."""
        return self.baseline, *(s for s in self.surrogates if s != self.baseline)


@dataclass(frozen=True)
class Surrogate:
    """Shape, half-width of the support and height."""

    shape: Literal["triangle", "fast_sigmoid"]
    width: float
    height: float

    @staticmethod
    def parse(text: str) -> Surrogate:
        """From shape:width:height.

        Raises:
            ValueError: the text has another form.
        """
        shape, *numbers = text.split(":")
        try:
            values = [float(number) for number in numbers]
        except ValueError:
            values = []
        if shape not in SURROGATES or len(values) != 2:
            raise ValueError(f"{text!r} is no surrogate; write triangle:width:height or fast_sigmoid:width:height")
        return Surrogate("fast_sigmoid" if shape == "fast_sigmoid" else "triangle", *values)

    @property
    def name(self) -> str:
        """As folders are named."""
        return f"{self.shape}-w{self.width:g}-h{self.height:g}"

    def within(self, options: NetworkOptions) -> NetworkOptions:
        """The same network with this surrogate."""
        return replace(options, surrogate=self.shape, surrogate_width=self.width, surrogate_height=self.height)


@dataclass(frozen=True)
class Result:
    """One surrogate on one stream over its finished seeds: mean and standard deviation."""

    stream: str
    surrogate: str
    seeds: list[int]
    accuracies: list[float]  # validation, by seed
    accuracy: tuple[float, float]
    pairs: int  # seeds that the baseline finished too
    difference: tuple[float, float, float] | None  # mean and interval; None for the baseline itself
    active: tuple[float, float]
    rate: tuple[float, float]
    neurons: tuple[float, float]


def streams(options: Options) -> Streams:
    """The streams asked for: growth on digits and, where the archive is given, on spoken digits, split and joint."""
    split = Config(gating=GatingOptions(vote=0.0))  # the network's own answers
    joint = replace(
        split,
        stream=StreamOptions(setting="joint"),
        training=replace(split.training, rounds=30, learning_rate=0.005),
        growth=replace(split.growth, seed_width=10, target_rate=0.12),
    )
    found: Streams = {}
    for name in options.streams or STREAMS:
        data, setting = name.split("-")
        if data == "fsdd" and not options.fsdd:
            continue
        config = joint if setting == "joint" else split
        if data == "fsdd":
            config = replace(config, stream=replace(config.stream, name="fsdd", path=options.fsdd))
        rounds = options.rounds or config.training.rounds
        kind = "joint" if setting == "joint" else "class"
        found[name] = replace(config, training=replace(config.training, rounds=rounds)), kind
    if not found:
        raise ValueError(f"--streams {', '.join(options.streams)} needs the archive: give --fsdd")
    return found


def trial_name(stream: str, surrogate: Surrogate, seed: int) -> str:
    """Folder of a trial."""
    return f"{stream}-{surrogate.name}-seed{seed}"


def trials(options: Options, chosen: Streams) -> dict[str, Config]:
    """Every run there is to do, the seeds one after another so that stopping early leaves whole pairs."""
    return {
        trial_name(stream, surrogate, seed): replace(
            config, network=surrogate.within(config.network), run=RunOptions(seed=seed)
        )
        for seed in range(options.seeds)
        for stream, (config, _) in chosen.items()
        for surrogate in map(Surrogate.parse, options.every)
    }


def measure(options: Options, chosen: Streams) -> list[Result]:
    """All results, the baseline of a stream first."""
    meter, results = Meter(), []
    for stream, (_, setting) in chosen.items():
        reference: dict[int, Trial] = {}
        for surrogate in map(Surrogate.parse, options.every):
            places = {s: options.out / trial_name(stream, surrogate, s) for s in range(options.seeds)}
            measured = {seed: meter.trial(path, setting) for seed, path in places.items()}
            finished = {seed: trial for seed, trial in measured.items() if trial is not None}
            if surrogate == Surrogate.parse(options.baseline):
                reference = finished
            if finished:
                results.append(summary(stream, surrogate, finished, reference))
    return results


def summary(stream: str, surrogate: Surrogate, finished: dict[int, Trial], reference: dict[int, Trial]) -> Result:
    """One surrogate on one stream beside the baseline's trials, which may be its own."""
    pairs = sorted(finished.keys() & reference.keys())
    differences = [finished[seed].accuracy - reference[seed].accuracy for seed in pairs]
    every = finished.values()
    return Result(
        stream=stream,
        surrogate=surrogate.name,
        seeds=sorted(finished),
        accuracies=[finished[seed].accuracy for seed in sorted(finished)],
        accuracy=spread(trial.accuracy for trial in every),
        pairs=len(pairs),
        difference=None if finished is reference or not pairs else interval(differences),
        active=spread(trial.active for trial in every),
        rate=spread(trial.rate for trial in every),
        neurons=spread(trial.neurons for trial in every),
    )


def spread(values: Iterable[float]) -> tuple[float, float]:
    """Mean and standard deviation."""
    listed = list(values)
    return mean(listed), stdev(listed) if len(listed) > 1 else 0.0


def interval(differences: list[float]) -> tuple[float, float, float]:
    """Mean of paired differences and its 95 % t interval, low and high; infinite for a single pair."""
    middle, width = spread(differences)
    n = len(differences)
    reach = float(student.ppf((1 + CONFIDENCE) / 2, n - 1)) * width / n**0.5 if n > 1 else math.inf
    return middle, middle - reach, middle + reach


def view(results: list[Result]) -> Table:
    """Results as a table to look at."""
    table = Table(title="validation accuracy in %, mean ± standard deviation over seeds", title_justify="left")
    for column in ("stream", "surrogate", "seeds", "accuracy", "minus baseline", "active", "rate", "neurons"):
        table.add_column(column, justify="left" if column in ("stream", "surrogate") else "right", no_wrap=True)
    for r in results:
        minus = "-"
        if r.difference is not None:
            middle, low, high = (100 * value for value in r.difference)
            minus = f"{middle:+.2f} [{low:+.2f}, {high:+.2f}]" if r.pairs > 1 else f"{middle:+.2f}"
        accuracy = f"{100 * r.accuracy[0]:.1f} ± {100 * r.accuracy[1]:.1f}"
        others = f"{r.active[0]:.3f}", f"{r.rate[0]:.3f}", f"{r.neurons[0]:.0f}"
        table.add_row(r.stream, r.surrogate, str(len(r.seeds)), accuracy, minus, *others)
    return table


def plot(results: list[Result], file: Path) -> None:
    """Accuracy against active fraction, one panel a stream; bars are standard deviations over seeds."""
    import matplotlib
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(r.stream for r in results))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "smalti"}):
        figure = Figure(figsize=(4.2 * len(names), 4), layout="constrained")
        for panel, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            for r in (r for r in results if r.stream == name):
                (x, x_bar), (y, y_bar) = r.active, r.accuracy
                panel.errorbar(x, 100 * y, 100 * y_bar, x_bar, fmt="o", capsize=2, label=r.surrogate)
            panel.set(title=name, xlabel="active fraction", xlim=(0, None))
            panel.legend(fontsize=7)
        figure.supylabel("validation accuracy, %")
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def main(options: Options) -> None:
    """Run what is missing, then print the table."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    chosen = streams(options)
    if options.run:
        say = partial(console.print, highlight=False)
        run_all(trials(options, chosen), options.out, lambda name, how: say(f"{name}: {how}"), options.workers)
    results = measure(options, chosen)
    console.print(view(results))
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    if options.plot:
        plot(results, options.plot)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
