"""What of a network does nothing, or says nothing: checks of its neurons and inputs, each a finding or None."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from smalti.agents.auction.bids import SEED
from smalti.analysis.findings.finding import Finding, count_of, several

DEFAULTS: Mapping[str, Any] = {}  # options that nobody told
ALWAYS = 0.999  # spikes per time step above which a neuron fires at every one


def silent(neurons: pd.DataFrame, spikes: pd.Series[float], growth: Mapping[str, Any] = DEFAULTS) -> Finding | None:
    """Living hidden neurons that never fire on validation samples.

    Args:
        neurons: the table.
        spikes: of each per sample, by its id.
        growth: options of growth, for the cure.
    """
    idle = _of(neurons, set(spikes.index[spikes.to_numpy() == 0]))
    grown, after = bool((idle["rule"] != SEED).any()), growth.get("retire_after", 0)
    cures = ["They cost wires and slots and do nothing."]
    if grown and after:
        cures.append(
            f"growth.retire_after = {after} retires those that are silent so long while their task is trained; these "
            "fell silent later, or were born too late (growth.until)."
        )
    elif grown:
        cures.append("growth.retire_after above 0 retires those that were grown.")
    if (idle["rule"] == SEED).any():
        cures.append("Seeds are never retired for silence: " + _fewer_seeds(growth))
    return _idle(
        neurons, idle, kind="silent", what="never fire on validation samples of any task", cure=" ".join(cures)
    )


def _fewer_seeds(growth: Mapping[str, Any]) -> str:
    """How fewer neurons of seeds come, or stay."""
    if growth.get("levels", {}).get("relay"):
        return "smaller parts have fewer (growth.levels.north, south)."
    if growth.get("give_back"):
        return (
            f"growth.give_back = {growth['give_back']:g} takes one in a round; a smaller growth.seed_width has fewer."
        )
    return "a smaller growth.seed_width has fewer, growth.give_back takes those that the task can do without."


def restless(neurons: pd.DataFrame, rates: pd.Series[float]) -> Finding | None:
    """Living hidden neurons that fire at every time step."""
    return _idle(
        neurons,
        _of(neurons, set(rates.index[rates.to_numpy() > ALWAYS])),
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
    idle = _of(neurons, set(fan_out.index[fan_out.to_numpy() == 0]))
    late = (
        "born too late (growth.until), or silent" if (idle["rule"] != SEED).any() else "silent, or trained too briefly"
    )
    cure = f"Newborns start with none and learn them; these learned nothing: {late}."
    return _idle(neurons, idle, kind="unheard", what="never got an outgoing weight", cure=cure)


def _of(neurons: pd.DataFrame, those: Collection[int]) -> pd.DataFrame:
    """Of these neurons, the hidden ones that live."""
    hidden = _hidden(neurons)
    return hidden[hidden["neuron"].isin(those)]


def _hidden(neurons: pd.DataFrame) -> pd.DataFrame:
    return neurons[neurons["retired_round"].isna() & (neurons["kind"] == "hidden")]


def _idle(neurons: pd.DataFrame, idle: pd.DataFrame, *, kind: str, what: str, cure: str) -> Finding | None:
    hidden = _hidden(neurons)
    if idle.empty:
        return None
    grown = int((idle["rule"] != SEED).sum())
    of_task = idle["task"].value_counts().sort_index()
    text = several([f"task {task}: {count}" for task, count in of_task.items()])
    return Finding(
        kind=kind,
        weight="warning",
        title=f"{len(idle)} of {len(hidden)} hidden neurons {what}",
        detail=f"{grown} of them were grown, {len(idle) - grown} came with a seed expert; by the task they were born "
        f"for: {text}. {cure}",
    )
