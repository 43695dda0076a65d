"""What of a network does nothing, or says nothing: checks of its neurons and inputs, each a finding or None."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from smalti.analysis.findings.finding import Finding, count_of, several

ALWAYS = 0.999  # spikes per time step above which a neuron fires at every one


def silent(neurons: pd.DataFrame, spikes: pd.Series[float]) -> Finding | None:
    """Living hidden neurons that never fire on validation samples."""
    return _idle(
        neurons,
        set(spikes.index[spikes.to_numpy() == 0]),
        kind="silent",
        what="never fire on validation samples of any task",
        cure="They cost wires and slots and do nothing. growth.retire_after retires those that were grown, not seeds.",
    )


def restless(neurons: pd.DataFrame, rates: pd.Series[float]) -> Finding | None:
    """Living hidden neurons that fire at every time step."""
    return _idle(
        neurons,
        set(rates.index[rates.to_numpy() > ALWAYS]),
        kind="restless",
        what="fire at every time step",
        cure="What always fires says nothing of the sample, and its spikes travel all the same. More "
        "training.rate_weight and a smaller training.rate_limit hold neurons back.",
    )


def mute_inputs(links: pd.DataFrame, spikes: pd.Series[float]) -> Finding | None:
    """Input channels that are listened to and never fire on validation samples."""
    there = links[(links["kind"] == "input") & links["retired_round"].isna()]
    heard = there[there["source"].isin(spikes.index)]
    mute = heard[heard["source"].isin(spikes.index[spikes.to_numpy() == 0])]
    if mute.empty:
        return None
    channels = sorted(int(source) for source in mute["source"].unique())
    return Finding(
        kind="mute",
        weight="note",
        title=f"{len(channels)} of {heard['source'].nunique()} input channels that are listened to never fire",
        detail=f"On validation samples of any task: {several([str(channel) for channel in channels])}. "
        f"{count_of(len(mute), 'link')} with a crossbar row each and wires carry nothing; data without them, or pooled "
        "(stream.pool), would leave these to others.",
    )


def unheard(neurons: pd.DataFrame, fan_out: pd.Series[float]) -> Finding | None:
    """Living hidden neurons without any outgoing weight."""
    return _idle(
        neurons,
        set(fan_out.index[fan_out.to_numpy() == 0]),
        kind="unheard",
        what="never got an outgoing weight",
        cure="Newborns start with none and learn them; these learned nothing: born too late (growth.until), or silent.",
    )


def _idle(neurons: pd.DataFrame, those: Collection[int], *, kind: str, what: str, cure: str) -> Finding | None:
    hidden = neurons[neurons["retired_round"].isna() & (neurons["kind"] == "hidden")]
    idle = hidden[hidden["neuron"].isin(those)]
    if idle.empty:
        return None
    grown = int((idle["rule"] != "seed").sum())
    of_task = idle["task"].value_counts().sort_index()
    text = several([f"task {task}: {count}" for task, count in of_task.items()])
    return Finding(
        kind=kind,
        weight="warning",
        title=f"{len(idle)} of {len(hidden)} hidden neurons {what}",
        detail=f"{grown} of them were grown, {len(idle) - grown} came with a seed expert; by the task they were born "
        f"for: {text}. {cure}",
    )
