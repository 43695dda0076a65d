"""Anomalous heart beats: the preset of the stream ecg beside logistic regression on the same windows.

    python benchmarks/ecg.py                           a record that is made here, of no patient
    python benchmarks/ecg.py --path mitdb/208.hea      a record of WFDB, or a folder of them

The made record has the published layout (.hea, .dat of format 16, .atr) and rate, 360 Hz: two leads, beats of five
bumps whose heights, widths and intervals are drawn, a wandering baseline and noise. Some beats are not normal: V is
early, wide and has no P wave, F is a blend of V and a normal beat. Logistic regression (scikit-learn's, C = 1, on
standardised features, with the run's class weights) gets the windows in millivolts, or the spikes that the network
hears. It trains on the same samples; what is kept for validation trains nobody. All measures are of the test part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.script import script
from smalti.scheduler.answers.anomaly import areas
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.readers.signals import physionet, windows
from smalti.scheduler.streams.types import Samples

RATE = 360  # Hz
GAIN = 200  # steps of the converter a millivolt
LEADS = ("MLII", "V1")
VARIES = 0.3  # standard deviation of each number of a wave, as a share of it

# Of each wave: seconds from the annotation, standard deviation in seconds, millivolts in both leads.
NORMAL = np.array(
    [
        [-0.17, 0.025, 0.12, 0.06],
        [-0.035, 0.010, -0.12, 0.05],
        [0.0, 0.012, 1.10, 0.35],
        [0.035, 0.012, -0.20, -0.70],
        [0.24, 0.050, 0.30, 0.15],
    ]
)
EARLY = np.array(
    [
        [-0.17, 0.025, 0.0, 0.0],
        [-0.035, 0.020, 0.10, -0.10],
        [0.0, 0.035, 1.00, 0.70],
        [0.070, 0.035, -0.60, -0.50],
        [0.26, 0.060, -0.30, -0.20],
    ]
)
KINDS = {"N": NORMAL, "V": (NORMAL + EARLY) / 2, "F": (3 * NORMAL + EARLY) / 4}


@dataclass(frozen=True)
class Ecg:
    """Train the preset and logistic regression.

    Attributes:
        path: a record or a folder of them; empty: one that is made.
        anomalies: share of the made beats that are not normal, three of V for one of F; record 208 has 46 %.
        beats: of the made record.
        noise: standard deviation of the made noise in millivolts.
        seeds: of the made record and of the run; the mean over them is shown.
        class_weights: training.class_weights.
    """

    path: str = ""
    anomalies: float = 0.1
    beats: int = 2400
    noise: float = 0.06
    seeds: tuple[int, ...] = (0, 1, 2)
    class_weights: str = "none"


def made(folder: Path, name: str, symbols: str, noise: float, seed: int) -> Path:
    """Write a record with these beats, one after the other; its header.

    Args:
        folder: where to.
        name: of the record.
        symbols: of its beats, of ``KINDS``.
        noise: standard deviation in millivolts.
        seed: of all that is drawn.
    """
    chance = np.random.default_rng(seed)
    gaps = chance.normal(0.8, 0.04, len(symbols)) * np.where(np.array(list(symbols)) == "V", 0.7, 1.0)
    places = (RATE * (1 + np.cumsum(gaps))).astype(np.int64)
    seconds = np.arange(places[-1] + RATE) / RATE
    wander = 0.1 * np.sin(2 * np.pi * (np.outer(seconds, [0.25, 0.31]) + chance.random(2)))
    signal = wander + chance.normal(0, noise, wander.shape)
    for place, symbol in zip(places, symbols, strict=True):
        here = slice(place - RATE // 2, place + RATE // 2)
        at = seconds[here] - seconds[place]
        for shift, width, *heights in KINDS[symbol] * chance.normal(1, VARIES, (5, 4)):
            signal[here] += np.exp(-(((at - shift) / width) ** 2) / 2)[:, None] * heights
    lines = "".join(f"{name}.dat 16 {GAIN}/mV 12 0 0 0 0 {lead}\n" for lead in LEADS)
    (folder / f"{name}.hea").write_text(f"{name} 2 {RATE} {len(signal)}\n{lines}")
    (folder / f"{name}.dat").write_bytes((GAIN * signal).round().astype("<i2").tobytes())
    codes = np.array([physionet.SYMBOLS.index(symbol) for symbol in symbols]) << 10
    words = [*(codes | np.diff(places, prepend=0)).tolist(), 0]
    (folder / f"{name}.atr").write_bytes(np.array(words, dtype="<u2").tobytes())
    return folder / f"{name}.hea"


def drawn(beats: int, anomalies: float, seed: int) -> str:
    """Symbols of the beats of a record."""
    shares = [1 - anomalies, 0.75 * anomalies, 0.25 * anomalies]
    return "".join(np.random.default_rng(seed).choice(list("NVF"), beats, p=shares).tolist())


def millivolts(path: Path, before: int, after: int) -> NDArray[np.float32]:
    """Windows [S, time, leads] around the beats of a record or of a folder's, as the stream ecg finds them."""
    parts = []
    for record in sorted(path.glob("*.hea")) if path.is_dir() else [path]:
        places, symbols = physionet.annotated(record.with_suffix(".atr"))
        beats = np.array([symbol in physionet.BEATS for symbol in symbols])
        parts.append(windows.around(physionet.signals(physionet.header(record)), places[beats], before, after)[0])
    return np.concatenate(parts)


def regressions(
    kinds: dict[str, NDArray[np.float32]], train: Samples, test: Samples, anomaly: int, balanced: bool
) -> Iterator[tuple[str, float, float, float]]:
    """Of logistic regression on each kind of features [S, F]: its name, accuracy, ROC-AUC, average precision."""
    for name, features in kinds.items():
        weights = "balanced" if balanced else None
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, class_weight=weights))
        model.fit(features[train.index], train.y == anomaly)
        odds = model.decision_function(features[test.index])
        anomalous = test.y == anomaly
        right = float(((odds > 0) == anomalous).mean())
        yield name, right, *areas(torch.from_numpy(odds), torch.from_numpy(anomalous))


Row = tuple[str, float, float, float]


def measured(path: Path, class_weights: str, seed: int) -> list[Row]:
    """Who answered, accuracy, ROC-AUC and average precision on the test part of a record or a folder of them."""
    simulation = Simulation(
        {"stream": {"name": "ecg", "path": str(path)}, "run": {"seed": seed}}, training={"class_weights": class_weights}
    )
    for _ in simulation:
        pass
    stream, own = simulation.stream, simulation.config.stream.signals
    head = physionet.header(sorted(path.glob("*.hea"))[0] if path.is_dir() else path)
    before, after = (round(side * head.rate / 1000) for side in (own.before_ms, own.after_ms))
    shown = millivolts(path, before, after)
    here, anomaly = stream.experiences[0], stream.anomaly
    assert anomaly is not None, "the stream names one"
    spikes = np.zeros((len(shown), stream.steps * stream.channels), dtype=np.float32)
    for part in (here.train, here.test):
        spikes[part.index] = part.x[:].reshape(len(part), -1)
    kinds = {"logistic regression, millivolts": shown.reshape(len(shown), -1), "logistic regression, spikes": spikes}
    rows = list(regressions(kinds, here.train, here.test, anomaly, class_weights == "balanced"))
    table = simulation.table("evaluations")
    final = table[(table["after"] == 0) & (table["split"] == "test")].set_index("setting")
    told = final[["accuracy", "roc_auc", "average_precision"]].to_dict("index")
    for setting, name in {"class": "network", "experts": "its expert alone", "gate": "its gate alone"}.items():
        row = told[setting]
        rows.append((name, float(row["accuracy"]), float(row["roc_auc"]), float(row["average_precision"])))
    neurons, fired = int(simulation.table("rounds")["neurons"].iloc[-1]), float(final["spikes_per_sample"]["class"])
    print(f"seed {seed}: {len(here.train)} beats train; {neurons} neurons, {fired:.0f} spikes an answer", flush=True)
    return rows


def view(several: list[list[Row]], title: str) -> Table:
    """Means over seeds, and their least and greatest values."""
    table = Table("who", "accuracy", "ROC-AUC", "average precision", title=title, title_justify="left")
    for rows in zip(*several, strict=True):
        values = np.array([row[1:] for row in rows])
        low, mean, high = values.min(0), values.mean(0), values.max(0)
        table.add_row(rows[0][0], *(f"{m:.3f} ({a:.3f}-{b:.3f})" for a, m, b in zip(low, mean, high, strict=True)))
    return table


def main() -> None:
    """Print the table."""
    asked = tyro.cli(Ecg)
    with TemporaryDirectory() as folder:
        several = []
        for seed in asked.seeds:
            symbols = drawn(asked.beats, asked.anomalies, seed)
            path = Path(asked.path) if asked.path else made(Path(folder), "made", symbols, asked.noise, seed)
            several.append(measured(path, asked.class_weights, seed))
    what = asked.path or f"{asked.beats:,} made beats, {asked.anomalies:.0%} not normal"
    Console(width=120).print(view(several, f"{what}; class weights: {asked.class_weights}"))


if __name__ == "__main__":
    script(main)
