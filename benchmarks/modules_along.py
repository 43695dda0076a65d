"""When in training functional modules come, and whether wires and places follow.

    smalti compare wiring-training --out runs/wiring-training
    python benchmarks/modules_along.py runs/wiring-training --picture modules.svg

The first command trains networks that keep themselves as they are after every round; this measures all these moments
(``analysis.chip.modules.along``), about two seconds each, and prints means over the rounds of a phase and over the
runs of a variant. FOLDER/along.parquet then has a row a moment. Validation data only.

Two columns are of this script alone: ``heaviest``, the share of |w| between clustered neurons that enters the one that
most of it enters, and ``wiring_alike``, their wiring modularity where every fan-in is first divided by its sum, so that
no neuron weighs more than another.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.script import finished_trials, script
from smalti.analysis.chip import modules, structure
from smalti.analysis.moments import moments
from smalti.analysis.plots.drawing.figure import save_figure
from smalti.analysis.plots.wiring.modules import draw_modules_beside
from smalti.analysis.runs import Run, load_run

DRAWS = 200  # of labels
BORDERS = (3, 8)  # rounds in which a phase begins: pruning does, and half of the rounds are over
FORMATS = {
    "validation": "{:.3f}",
    "synapses": "{:,.0f}",
    "neuron_hop_spikes": "{:,.0f}",
    "weighted_length": "{:.2f}",
    "taking_part": "{:.0f}",
    "clusters": "{:.1f}",
    "functional_modularity": "{:.3f}",
    "wiring_modularity": "{:.3f}",
    "wiring_alike": "{:.3f}",
    "heaviest": "{:.2f}",
    "anatomical_modularity": "{:.3f}",
    "anatomical_quantile": "{:.3f}",
}


def measure(folder: Path) -> pd.DataFrame:
    """A row a moment of every finished trial of the experiment in a folder: variant, trial, columns of ``along``.

    Raises:
        ValueError: no trial has finished there.
    """
    parts, done = [], finished_trials(folder, "wiring-training")
    for variant, trial in zip(done["variant"], done["trial"], strict=True):
        run = load_run(folder / "trials" / trial, keep=True)
        own = pd.DataFrame([weights(then) for then in moments(run).values()])
        parts.append(modules.along(run).join(own).assign(variant=variant, trial=trial))
    return pd.concat(parts, ignore_index=True)


def weights(run: Run) -> dict[str, float]:
    """``heaviest`` and ``wiring_alike``, see above; NaN where nothing weighs anything between two clusters."""
    clusters = modules.clusters(run)
    weight = modules.weight_between(structure.graph(run), clusters.index.tolist())
    entering = weight.sum(0)
    if not weight.any() or clusters.nunique() < 2:
        return {"heaviest": float("nan"), "wiring_alike": float("nan")}
    alike, labels = weight / np.where(entering > 0, entering, 1), clusters.to_numpy(np.int64)
    chance = np.random.default_rng(0)
    drawn = [modules.weighted_modularity(alike, chance.permutation(labels)) for _ in range(DRAWS)]
    return {
        "heaviest": float(entering.max() / entering.sum()),
        "wiring_alike": modules.weighted_modularity(alike, labels) - float(np.mean(drawn)),
    }


def phases(rounds: pd.Series[int]) -> pd.Series[str]:
    """The phase of every round, named by its first and last."""
    begins = [0, *(border for border in BORDERS if border <= rounds.max())]
    lasts = [*(begin - 1 for begin in begins[1:]), int(rounds.max())]
    names = [f"{first} to {last}" for first, last in zip(begins, lasts, strict=True)]
    places = pd.cut(rounds, [-1, *lasts], labels=names)
    return places.astype(str)


def view(measured: pd.DataFrame) -> Table:
    """Means by variant and phase, every run weighing alike."""
    table = Table(title="means over the rounds of a phase and over runs; validation: score", title_justify="left")
    for column in ("variant", "rounds", "runs", *FORMATS):
        table.add_column(column.replace("_", " "), justify="left" if column in ("variant", "rounds") else "right")
    parts = measured.assign(phase=phases(measured["round"])).groupby(["variant", "phase"], sort=False)
    for (variant, phase), part in parts:
        means = part.groupby("trial")[[*FORMATS]].mean().mean()
        numbers = (form.format(means[name]) for name, form in FORMATS.items())
        table.add_row(str(variant), str(phase), str(part["trial"].nunique()), *numbers)
    return table


def main(folder: tyro.conf.Positional[Path] = Path("runs/wiring-training"), picture: Path | None = None) -> None:
    """Measure the moments of a finished `smalti compare wiring-training`.

    Args:
        folder: where it is.
        picture: also draw the measures over the rounds into this file (.svg, .png or .pdf; needs the extra `plot`).
    """
    measured = measure(folder)
    measured.to_parquet(folder / "along.parquet")
    Console(width=None if sys.stdout.isatty() else 190).print(view(measured))
    if picture is not None:
        tables = {
            str(variant): [part for _, part in some.groupby("trial", sort=False)]
            for variant, some in measured.groupby("variant", sort=False)
        }
        save_figure(lambda: draw_modules_beside(tables), picture)


if __name__ == "__main__":
    script(lambda: tyro.cli(main, description=__doc__))
