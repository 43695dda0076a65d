"""What becomes of newborns: whether they are given anything to learn from, whether they ever matter, and how soon.

Reads the table ``fates`` (``growth.fates``). A neuron *matters* in a round in which its expert's loss on validation
samples is higher by a hundredth or more while it is silent. Newborns are neurons that were grown; those of a seed were
there from the beginning of their expert, and are what newborns are compared with (*incumbents*), as are newborns of
earlier rounds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from smalti.analysis.runs import Run

MATTERS = 0.01  # share of the loss by which it rises without a neuron that matters


def has_fates(run: Run) -> bool:
    """Whether the fate of any newborn was measured."""
    return "fates" in run.tables and bool(_measured(run)["grown"].any())


def fates(run: Run) -> pd.DataFrame:
    """What became of every hidden neuron that was measured.

    Returns:
        Indexed by neuron: task that it was born for; grown, or of a seed; matters, whether it ever did; after, its age
        in rounds when it first did (NaN: never); last, the rise of the loss without it when it was measured last, as a
        share of the loss (NaN: there was no loss).
    """
    known = _measured(run)
    neurons = known.groupby("neuron").agg(task=("task", "first"), grown=("grown", "first"), last=("share", "last"))
    first = known[known["share"] >= MATTERS].groupby("neuron")["age"].min()
    after = first.reindex(neurons.index).astype(float)
    last = _finite(neurons["last"])
    return neurons.assign(matters=after.notna(), after=after, last=last)[["task", "grown", "matters", "after", "last"]]


def by_age(run: Run) -> pd.DataFrame:
    """Gradients of newborns against their age.

    Returns:
        Indexed by age in rounds: newborns that were measured at it; gradient_in and gradient_out, the norm of the
        gradient over their fan-in and fan-out as a multiple of the mean of the incumbents of their expert in the same
        round, median over newborns; worth, the mean rise of the loss without one, as a share of the loss. A ratio to
        nothing, as to incumbents without a gradient, is NaN and counts in neither.
    """
    known = _measured(run)
    known = known.assign(born=known["round"] - known["age"])
    pairs = known[known["grown"]].merge(known, on="round", suffixes=("", "_old"))
    pairs = pairs[pairs["born_old"] < pairs["born"]]
    newborn = pairs.groupby(["neuron", "age"])
    ratios = {name: newborn[name].first() / newborn[f"{name}_old"].mean() for name in ("gradient_in", "gradient_out")}
    ratios["worth"] = newborn["share"].first()
    ages = pd.DataFrame({name: _finite(ratio) for name, ratio in ratios.items()}).groupby("age")
    return ages.agg(
        newborns=("worth", "size"),
        gradient_in=("gradient_in", "median"),
        gradient_out=("gradient_out", "median"),
        worth=("worth", "mean"),
    )


def told(run: Run) -> str:
    """The newborns' fate in a sentence or two."""
    ends, ages = fates(run), by_age(run)
    newborn, seeds = ends[ends["grown"]], ends[~ends["grown"]]
    text = f"{int(newborn['matters'].sum())} of {len(newborn)} newborns ever mattered (silent, they cost their expert "
    text += f"{MATTERS:.0%} of its loss or more)"
    if newborn["matters"].any():
        text += f", the first time {newborn['after'].median():.0f} rounds after birth in the median"
    text += f"; of the neurons of seeds {int(seeds['matters'].sum())} of {len(seeds)}."
    learned = ages[(ages.index > 0) & ages["gradient_in"].notna()]
    if len(learned):
        first, last = learned["gradient_in"].iloc[0], learned["gradient_in"].iloc[-1]
        text += f" The gradient over their fan-in was {first:.2f} of the incumbents' at age {learned.index[0]}, "
        text += f"{last:.2f} at age {learned.index[-1]}."
    return text


def _measured(run: Run) -> pd.DataFrame:
    """The table, with whether a neuron was grown, and its worth as a share of the loss."""
    table, neurons = run.table("fates"), run.table("neurons").set_index("neuron")
    grown = table["neuron"].map(neurons["rule"] != "seed").astype(bool)
    return table.assign(grown=grown, share=table["worth"] / table["loss"])


def _finite(ratios: pd.Series[float]) -> pd.Series[float]:
    """Ratios, those to nothing as NaN."""
    return ratios.where(np.isfinite(ratios))
