"""What the wires of a chip come to: hops, length, saturation, the memory of the routers. Knows the tables only.

Words are those of ``docs`` and of Dalgaty et al. 2024 (Nat. Commun. 15, doi 10.1038/s41467-023-44365-x): a hop is one
routing tile crossed; a wire is one source on one side of one tile of the grid, however many targets lie behind it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from smalti.analysis.runs import Run


def living_links(run: Run, kinds: tuple[str, ...] = ("local", "routed", "input")) -> pd.DataFrame:
    """Links in use now, of some kinds."""
    links = run.table("links")
    return links[links["retired_round"].isna() & links["kind"].isin(kinds)]


def hop_histogram(run: Run, spikes: pd.Series[float] | None = None) -> pd.DataFrame:
    """Links between neurons by the routing tiles that they cross; those within a tile cross none.

    Args:
        run: the run.
        spikes: spikes of each neuron per sample, by its id (``anew.activity.spikes_per_sample``); then the spikes
            that travel so far are counted too, spikes on shared trunks once for every link.

    Returns:
        Indexed by hops: links, share of links; with ``spikes`` also spikes and spike_hops (hops x spikes), per sample.
    """
    links = living_links(run, ("local", "routed"))
    if spikes is not None:
        unknown = set(links["source"]) - set(spikes.index)
        if unknown:
            raise ValueError(f"spikes lack the neurons {sorted(unknown)[:5]}; give those of every living neuron")
        links = links.assign(spikes=spikes.loc[links["source"]].to_numpy())
    grouped = links.groupby("hops")
    table = pd.DataFrame({"links": grouped.size()})
    table["share"] = table["links"] / max(len(links), 1)
    if spikes is not None:
        table["spikes"] = grouped["spikes"].sum()
        table["spike_hops"] = table["spikes"] * table.index
    return table


def crossed(run: Run) -> pd.Series[int]:
    """Routing tiles that a spike of each neuron crosses, by its id, trunks once; who crosses none is left out."""
    cells = living_links(run, ("routed",)).set_index("source")["path"].explode()
    hops: pd.Series[int] = cells.groupby(level="source").nunique().rename("hops")
    return hops


def wire_length(run: Run) -> dict[str, float]:
    """Length of the wires in use, in routing tiles.

    total is what is laid: the routing tiles that each source's links cross, those that several of its links share
    counted once; apart is the sum of the hops of all links, trunks counted for each; shared = 1 - total / apart is the
    share that common trunks save (0 without any wire); mean is hops per routed link.
    """
    links = living_links(run, ("routed", "input"))
    neurons = links[links["kind"] == "routed"]
    laid = 0
    for _, group in links.groupby(["kind", "source"]):
        laid += len({int(cell) for path in group["path"] for cell in path})
    apart = int(links["hops"].sum())
    return {
        "total": float(laid),
        "apart": float(apart),
        "shared": 1 - laid / apart if apart else 0.0,
        "mean": float(neurons["hops"].mean()) if len(neurons) else float("nan"),
    }


def saturation(ports: pd.DataFrame) -> pd.DataFrame:
    """How full the sides of the tiles are, after every round.

    load = wires used / wires there are, of a side in one direction; sides without wires (dead tiles) are left out.

    Args:
        ports: the table of that name.

    Returns:
        A row for each round, kind of tile, side and direction: used and capacity (sums over the chip), load
        (used / capacity), fullest (largest load of a single tile), full (share of tiles without a free wire there).
    """
    there = ports[ports["capacity"] > 0]
    there = there.assign(load=there["used"] / there["capacity"], full=there["used"] >= there["capacity"])
    groups = there.groupby(["round", "kind", "side", "direction"], as_index=False)
    table = groups.agg(
        used=("used", "sum"), capacity=("capacity", "sum"), fullest=("load", "max"), full=("full", "mean")
    )
    table.insert(6, "load", table["used"] / table["capacity"])
    return table


def router_memory(run: Run, by: Literal["used", "capacity"] = "used") -> pd.DataFrame:
    """Memory elements of the chip by the model of the reference (Dalgaty et al. 2024), one a crosspoint.

    With N, E, S, W the wires on a side of a tile, the larger of both directions, and n the slots of a neuron tile

        neuron tile  (N_in + E_in + S_in + W_in) n + n n
        R0           16 max(N, E, S, W)^2
        R1           (2 max(N, S) + 2 max(E, W))^2

    Args:
        run: the run.
        by: ``used``: every tile is as large as the wires in use need; ``capacity``: as the wires need that are not
                known to be dead, of a chip without faults as it was built.

    Returns:
        Indexed by kind (tile, r0, r1): tiles, elements (sum over the chip). Dead tiles count for nothing.
    """
    if by not in ("used", "capacity"):
        raise ValueError(f"by = {by!r} is unknown; take used or capacity")
    ports, slots = run.table("ports"), int(run.config["fabric"]["neurons_per_tile"])
    now = ports[ports["round"] == ports["round"].max()]
    cell = ["kind", "grid_row", "grid_col"]
    alive = now.groupby(cell)["capacity"].max() > 0
    inward = now[now["direction"] == "in"].groupby(cell)[by].sum()
    wide = now.groupby([*cell, "side"])[by].max().unstack("side").astype(np.int64)
    elements = pd.DataFrame(
        {
            "tile": inward * slots + slots * slots,
            "r0": 16 * wide[["N", "E", "S", "W"]].max(axis=1) ** 2,
            "r1": (2 * wide[["N", "S"]].max(axis=1) + 2 * wide[["E", "W"]].max(axis=1)) ** 2,
        }
    )
    kinds = {str(kind): part for kind, part in elements[alive].groupby(level="kind")}
    rows = {kind: (len(part), int(part[kind].sum())) for kind, part in kinds.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["tiles", "elements"]).rename_axis("kind")
