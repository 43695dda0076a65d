"""Few-shot class-incremental learning of spoken digits: a base of four, then three sessions of two with five shots.

    python benchmarks/few_shot.py FSDD.zip

The protocol is NeuroBench's (Yik et al., arXiv 2304.04640) on a smaller data set: after every session all digits so far
are asked, without a label, over the author's test part; the shots are drawn anew for every seed, the order of the
digits is theirs. Beside the preset (stream `few-shot`: the experts, and prototypes of input counts in the gating
network) stand other densities of the gate, prototypes that the gate keeps alone, class densities in the spikes of the
first expert's neurons (`trunk`), which learns no more, and the preset with every training recording.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.script import script
from smalti.scheduler.simulation import Simulation

TRUNK = {"gating": {"network": "trunk", "trunk": True}}
WAYS: dict[str, tuple[dict[str, Any], str]] = {
    "preset: experts and prototypes": ({}, "class"),
    "its experts, chosen by prototypes": ({}, "experts"),
    "its prototypes alone": ({}, "gate"),
    "experts and Gaussians": ({"gating": {"network": "gaussian"}}, "class"),
    "experts and LDA": ({"gating": {"network": "lda"}}, "class"),
    "trunk: densities in its spikes": (TRUNK, "gate"),
    "preset, all recordings": ({"stream": {"shots": 0}}, "class"),
}


@dataclass(frozen=True)
class FewShot:
    """Compare ways to learn from few shots.

    Attributes:
        path: zip or folder of FSDD.
        seeds: of the shots and of the runs.
    """

    path: tyro.conf.Positional[Path]
    seeds: tuple[int, ...] = (0, 1, 2)


def evaluations(path: Path, options: Mapping[str, Any], seed: int) -> pd.DataFrame:
    """The table of that name, of a run."""
    stream = {"name": "few-shot", "path": str(path), "split_seed": seed, **options.get("stream", {})}
    simulation = Simulation({**options, "stream": stream, "run": {"seed": seed}})
    for _ in simulation:
        pass
    return simulation.table("evaluations")


def by_session(table: pd.DataFrame, setting: str) -> NDArray[np.float64]:
    """Share of right answers after every session [S], over the test samples of all classes that had come."""
    asked = table[(table["split"] == "test") & (table["setting"] == setting)]
    means = []
    for after in range(int(asked["after"].max()) + 1):
        came = asked[(asked["after"] == after) & (asked["on"] <= after)]
        means.append(np.average(came["accuracy"], weights=came["samples"]))
    return np.array(means)


def view(results: Mapping[str, NDArray[np.float64]]) -> Table:
    """Mean over seeds of accuracies [seeds, S], and the spread of the mean over sessions."""
    sessions = next(iter(results.values())).shape[1]
    heads = ("way", "base", *(f"session {k}" for k in range(1, sessions)), "mean", "least to greatest")
    table = Table(*heads, title="accuracy over all digits so far, no label, %")
    for name, values in results.items():
        means, each = 100 * values.mean(0), 100 * values.mean(1)
        cells = [*means, each.mean()]
        table.add_row(name, *(f"{value:.1f}" for value in cells), f"{each.min():.1f} to {each.max():.1f}")
    return table


def main() -> None:
    """Print the table."""
    asked = tyro.cli(FewShot)
    known: dict[tuple[str, int], pd.DataFrame] = {}
    results = {}
    for name, (options, setting) in WAYS.items():
        rows = []
        for seed in asked.seeds:
            key = str(options), seed
            if key not in known:
                known[key] = evaluations(asked.path, options, seed)
            rows.append(by_session(known[key], setting))
        results[name] = np.array(rows)
    Console(width=120).print(view(results))


if __name__ == "__main__":
    script(main)
