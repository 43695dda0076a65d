"""What a report tells, ready for the templates: of each run by itself, and of several side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from smalti.analysis.chip import modules
from smalti.analysis.findings.finding import Finding
from smalti.analysis.findings.look import findings
from smalti.analysis.growth import fates, market, reuse, scarcity
from smalti.analysis.measures import copies, switches
from smalti.analysis.outcomes import (
    NOVEL,
    accuracies,
    experience_names,
    headline,
    last_answers,
    mean_accuracies,
    splits,
)
from smalti.analysis.plots.auctions import worth_picture
from smalti.analysis.plots.devices import copies_picture
from smalti.analysis.plots.drawing.picture import Picture
from smalti.analysis.plots.fates import fates_picture
from smalti.analysis.plots.raster import raster_picture
from smalti.analysis.plots.reuse import reuse_picture
from smalti.analysis.plots.scarcity import scarcity_picture
from smalti.analysis.plots.switches import switches_picture
from smalti.analysis.plots.trials import trial_picture
from smalti.analysis.plots.wiring.chip import chip_picture
from smalti.analysis.plots.wiring.chip_along import chip_along_picture, some_moments
from smalti.analysis.plots.wiring.connectivity import connectivity_picture
from smalti.analysis.plots.wiring.hops import hops_picture
from smalti.analysis.plots.wiring.modules import modules_picture
from smalti.analysis.quantities import SETTING_NAMES
from smalti.analysis.report import configuration, interactive, words
from smalti.analysis.report.activity import Activity, look
from smalti.analysis.report.pictures import LEGIBLE, inline_svg
from smalti.analysis.runs import Run, Runs
from smalti.analysis.units import common, per_sample, score_name, score_on

ROOMY, NUMBERED = 8, 20  # rows or columns whose accuracies are written with a decimal, and at all
LABELS = 10  # of rows and columns, where accuracies are not written
FRONT = 3  # runs from which on a Pareto front is worth drawing


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A picture with its words; either an SVG or the data of an interactive figure."""

    title: str
    caption: str
    svg: str = ""
    figure: str = ""  # JSON
    height: int = 0  # pixels of an interactive figure


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Accuracy on every experience after every experience, and at the end on novel data where there are any."""

    title: str
    columns: list[str]
    rows: list[tuple[str, list[float | None], float, bool]]  # name, cells, mean, whether name and mean are written
    size: str  # roomy, small (whole percent), or heat (colours alone)
    every: int  # which columns are named: all, every second, ...


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one run has to tell."""

    name: str
    run: Run
    caveats: list[str]  # what must be known before any number is read
    sentences: list[str]
    keys: list[words.Key]
    findings: list[Finding]
    unseen: str  # why spikes were not looked at, if they were not
    changes: list[tuple[str, str, str]]  # field, value, default
    toml: str
    score: str  # what the matrices hold
    matrices: list[Matrix]
    openings: list[dict[str, str]]  # how every task opened, a row each; empty where all got a seed expert at once
    found: list[words.Key]  # how soon feedback finds the right expert; empty where it chooses none
    neurobench: list[words.Key]  # size and workload by its names
    blocks: list[Drawing]  # the same by pairs of experts
    drawings: list[Drawing]
    steps: list[str]


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Several runs side by side; every row has a name and one cell a run."""

    varied: list[tuple[str, list[str]]]
    numbers: list[tuple[str, list[str]]]
    drawings: list[Drawing]


def part(name: str, run: Run) -> Part:
    """All about one run, whose tables are best kept in memory; at least one round is finished."""
    activity = look(run)
    name = words.called(name, run)
    return Part(
        name=name,
        run=run,
        caveats=words.caveats(run),
        sentences=words.sentences(run),
        keys=words.keys(run),
        findings=findings(run, activity.spikes, activity.fan_out, activity.rates, activity.inputs),
        unseen=activity.unseen,
        changes=[(f, configuration.shown(v), configuration.shown(d)) for f, v, d in configuration.changes(run.config)],
        toml=(run.path / "config.toml").read_text(encoding="utf-8"),
        score=_capital(score_on(run, "test")),
        matrices=[_matrix(run, setting) for setting in last_answers(run)],
        openings=reuse.told(reuse.openings(run)) if reuse.has_openings(run) else [],
        found=words.found(run),
        neurobench=words.neurobench(run),
        blocks=[*_blocks(run)],
        drawings=[*_interactive(run), *_pictures(run, activity)],
        steps=configuration.steps(run),
    )


def beside(runs: Runs, parts: list[Part]) -> Beside:
    """Several runs side by side; ``parts`` in the order of ``runs``."""
    table = runs.settings()
    scores = {score_name(run) for _, run in runs}
    names = list(dict.fromkeys((key.name, key.note if key.name in scores else "") for p in parts for key in p.keys))
    numbers = []
    for name, note in names:
        matching = [[k for k in p.keys if k.name == name and (not note or k.note == note)] for p in parts]
        numbers.append((f"{name}, {note}" if note else name, [keys[0].value if keys else "-" for keys in matching]))
    worries = [str(sum(f.weight == "warning" for f in part.findings)) for part in parts]
    everyone = {words.called(name, run): run for name, run in runs}
    score, unit = interactive.score_of_all(everyone), common([per_sample(run) for _, run in runs], "per sample")
    return Beside(
        varied=[(name, [configuration.shown(value) for value in table[name]]) for name in runs.varied],
        numbers=[*numbers, ("warnings", worries)],
        drawings=[
            _plot(
                interactive.along(everyone),
                f"{_capital(score)} along the experiences",
                f"Mean {score} on test data over those learned so far, in the setting of the stream.",
            ),
            _plot(
                interactive.beside(everyone),
                "Growth",
                f"Training loss ({unit}), neurons and wires of every round. Tap a name to hide a run.",
            ),
            *_front(runs, everyone),
        ],
    )


def _front(runs: Runs, everyone: Mapping[str, Run]) -> Iterator[Drawing]:
    table = runs.results("test").assign(run=list(everyone), quick=[words.is_quick(run) for run in everyone.values()])
    if len(table.dropna(subset=["accuracy", "wires"])) >= FRONT:
        score = interactive.score_of_all(everyone)
        caption = (
            f"{_capital(score)} on test data at the end against wires in use; no run off the line is better in both."
        )
        if table["quick"].any():
            caption += " Open marks are quick runs, whose numbers mean nothing."
        yield _plot(interactive.front(table, score), f"{_capital(score)} and wires", caption)


def _matrix(run: Run, setting: str) -> Matrix:
    table, means = accuracies(run, setting), mean_accuracies(run, setting)
    longest = max(len(table.columns), len(table))
    size = "heat" if longest > NUMBERED else "small" if longest > ROOMY else "roomy"
    every = -(-longest // LABELS) if size == "heat" else 1
    rows = []
    for name, (after, row), mean in zip(experience_names(run, table.index), table.iterrows(), means, strict=True):
        cells = [None if pd.isna(value) else float(value) for value in row]
        rows.append((name, cells, float(mean), int(str(after)) % every == 0))
    if NOVEL in splits(run):
        row, mean = accuracies(run, setting, NOVEL).iloc[-1], mean_accuracies(run, setting, NOVEL).iloc[-1]
        cells = [None if pd.isna(row.get(on)) else float(row[on]) for on in table.columns]
        rows.append(("novel data", cells, float(mean), True))
    return Matrix(
        title=SETTING_NAMES[setting], columns=[str(on) for on in table.columns], rows=rows, size=size, every=every
    )


def _interactive(run: Run) -> Iterator[Drawing]:
    yield _plot(
        interactive.timeline(run),
        "How it grew",
        f"Training loss ({per_sample(run)}) and {score_name(run)}, neurons and wires of every round. Bands are "
        "experiences, coloured by task.",
    )
    yield _plot(
        interactive.births(run),
        "Who was born when, where and for which task",
        "One mark a neuron: squares are outputs, open marks have been retired. Tiles from north to south.",
    )
    auctions = interactive.prices(run)
    if auctions is not None:
        yield _plot(
            auctions,
            "Auctions",
            f"Prices ({per_sample(run)}) that bids were asked for and winners paid; bids won and lost.",
        )


def _pictures(run: Run, activity: Activity) -> Iterator[Drawing]:
    """Pictures that the run has the data for."""
    chip = (
        "Tiles with their neurons, coloured by task; wires along their routes. The stronger a routing tile, the fuller."
    )
    yield _svg(chip_picture(run), "The chip", chip, least=280)
    hops = "Links between neurons by the routing tiles that they cross, and the spikes that travel so far."
    links = run.table("links")
    if (links["retired_round"].isna() & (links["kind"] != "input")).any():
        yield _svg(hops_picture(run, activity.spikes), "How far links go", hops)
    if run.moments and activity.spikes is not None:
        yield from _modules(run)
    bids = run.table("bids")
    if bids["won"].any() and market.worth(bids, run.table("rounds"))["achieved"].notna().any():
        caption = "Decrease of the loss that winners promised, and that by the next round, other training included."
        yield _svg(worth_picture(run), "Promised and achieved", caption, least=320)
    if reuse.has_openings(run) and activity.network is not None:
        caption = "Tasks in the order in which they came; arcs are as wide as the taps are many that were bought. "
        caption += "Below, hidden neurons born for each task."
        yield _svg(reuse_picture(run, activity.network), "Reuse and births", caption)
    if (scarcity.along(run)["refused"] != "").any():
        caption = "Tasks in the order in which they came: prices asked and paid for them, how full the chip was, how "
        caption += "they opened (red: no room for a seed), and neurons bought back from old experts."
        yield _svg(scarcity_picture(run), "A chip that fills up", caption)
    if fates.has_fates(run):
        yield _svg(fates_picture(run), "What becomes of newborns", fates.told(run))
    if copies.has_copies(run):
        asked = copies.asked(run, headline(run))
        caption = (
            f"The network on {asked['draw'].nunique()} copies of the chip, each a thin line: programmed to the same "
        )
        caption += "weights with errors of their own, and asked later. Validation data."
        yield _svg(copies_picture({"copies": asked}), "Copies of the chip", caption)
    for trial in activity.trials:
        caption = f"A validation trial of task {trial.name}: input spikes, spikes of the neurons that run, and outputs "
        caption += "with their targets (dashed). Steps at which something is asked are shaded."
        yield _svg(trial_picture(trial), f"A trial of {trial.name}", caption)
    raster = activity.raster
    if raster is not None and not activity.trials:
        caption = f"Spikes on one validation sample of task {raster.task}, class {raster.labels[0]}."
        yield _svg(raster_picture(raster), "One sample", caption)


def _modules(run: Run) -> Iterator[Drawing]:
    """Functional modules of a run with snapshots, along training; nothing where there never are two clusters."""
    table = modules.along(run)
    if table["functional_modularity"].isna().all():
        return
    caption = "Silhouette of clusters of neurons by their task variance, modularity of their wiring and nearness of "
    caption += "their places, each less what chance gives, after every round that is kept. Validation data."
    yield _svg(modules_picture(table), "Functional modules along training", caption)
    clusters = modules.clusters_along(run, some_moments(run))
    caption = (
        "The chip with its neurons coloured by functional cluster, at some of these rounds; the same colour is the "
    )
    caption += "cluster that shares most neurons. Grey: silent, or nothing leads on from it to an output."
    yield _svg(chip_along_picture(run, clusters), "Clusters on the chip", caption, least=280)
    if table["clusters"].notna().iloc[-1]:
        caption = "Weights from rows to columns between neurons that take part, by cluster, at the end."
        yield _svg(connectivity_picture(run, clusters[max(clusters)]), "Weights by cluster", caption)


def _blocks(run: Run) -> Iterator[Drawing]:
    """Pairs of experts between which feedback had to find the way."""
    if not switches.last(run).empty:
        caption = "Blocks of test trials of one task each, after the last experience: trials before the right expert "
        caption += "answers ten in a row, by whom was believed in at first; of several tasks of an expert the most."
        yield _svg(switches_picture(run), "From one expert to another", caption)


def _plot(figure: interactive.Figure, title: str, caption: str) -> Drawing:
    data = json.dumps(figure, separators=(",", ":"), allow_nan=False).replace(
        "<", "\\u003c"
    )  # a name may hold </script>
    return Drawing(title=title, caption=caption, figure=data, height=figure["layout"]["height"])


def _svg(picture: Picture, title: str, caption: str, least: int = LEGIBLE) -> Drawing:
    return Drawing(title=title, caption=caption, svg=inline_svg(picture, least))


def _capital(words: str) -> str:
    """With a capital at the beginning, the rest as it is."""
    return words[:1].upper() + words[1:]
