"""Interactive figures, as the plain data that plotly.js draws in the page. Colours of text and grid are the page's.

The schema is that of plotly.js (https://plotly.com/javascript/reference). The package plotly is not asked, for it
checks every value anew, which takes longer than all else.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from smalti.analysis.comparison import pareto_front
from smalti.analysis.growth import market
from smalti.analysis.outcomes import headline, mean_accuracies
from smalti.analysis.plots.drawing.figure import PALETTE, task_colour
from smalti.analysis.plots.drawing.looks import looks
from smalti.analysis.runs import Run
from smalti.analysis.units import common, score_name, score_on, unit_of

Figure = dict[str, Any]  # of data (traces) and layout

BAND = 0.13  # opacity of the colour of a task behind its rounds
PANEL, FRAME = 170, 90  # pixels: height of a row of axes, of what is around all of them
DOTS = 4000  # points that a phone still draws without effort


def timeline(run: Run) -> Figure:
    """Loss and accuracy, neurons and births, wires of every round; bands are experiences, coloured by task."""
    rounds = run.table("rounds")
    figure = _panels([f"loss ({unit_of(rounds)})", score_name(run), "hidden neurons", "wires"])
    lines = [
        (1, "loss", "training loss", PALETTE[2]),
        (2, "accuracy", score_on(run, "training"), PALETTE[0]),
        (3, "neurons", "hidden neurons alive", PALETTE[0]),
        (4, "wires", "wires in use", PALETTE[4]),
    ]
    for row, column, name, colour in lines:
        _line(figure, row, rounds["round"], rounds[column], name, colour, "linear" if row < 3 else "hv")
    _add(
        figure,
        3,
        type="bar",
        x=_plain(rounds["round"]),
        y=_plain(rounds["born"]),
        name="born in the round, outputs included",
        marker={"color": "#999999"},
    )
    _bands(figure, rounds)
    return _finished(figure, 4)


def prices(run: Run) -> Figure | None:
    """Prices asked and paid, and bids won and lost, in every auction; None where nobody has bid."""
    bids = run.table("bids")
    if bids.empty:
        return None
    prices = market.prices(bids).reset_index()
    figure = _panels([unit_of(run.table("rounds")), "bids"])
    at = _plain(prices["round"])
    for name, colour in (("asked", PALETTE[0]), ("paid", PALETTE[1])):
        for measure, symbol in (("median", "circle"), ("max", "line-ew-open")):
            _add(
                figure,
                1,
                x=at,
                y=_plain(prices[f"{name}_{measure}"]),
                name=f"{name}, {'largest' if measure == 'max' else measure}",
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 7},
            )
    lost = prices["bids"] - prices["won"]
    for name, counts, colour in (("won", prices["won"], PALETTE[2]), ("lost", lost, "#999999")):
        _add(figure, 2, type="bar", x=at, y=_plain(counts), name=name, marker={"color": colour})
    figure["layout"]["barmode"] = "stack"
    _bands(figure, run.table("rounds"))
    return _finished(figure, 2)


def births(run: Run) -> Figure:
    """Every neuron ever born: when, on which tile, for which task; the last ``DOTS`` of them."""
    neurons, cols = run.table("neurons").tail(DOTS), run.config["fabric"]["cols"]
    figure = _panels(["tile (row, column)"])
    for task, own in neurons.groupby("task"):
        gone = own["retired_round"].notna()
        rank = own.groupby(["birth_round", "tile"]).cumcount()  # those born together stand beside each other
        ends = [f", retired in round {end}" if out else "" for end, out in zip(own["retired_round"], gone, strict=True)]
        _add(
            figure,
            1,
            x=_plain(own["birth_round"] + 0.12 * rank),
            y=_plain(own["tile"]),
            name=f"task {task}",
            mode="markers",
            marker={
                "color": task_colour(int(str(task))),
                "size": 8,
                "symbol": [_symbol(kind, out) for kind, out in zip(own["kind"], gone, strict=True)],
            },
            customdata=[
                list(row) for row in zip(own["neuron"], own["kind"], map(text, own["rule"]), ends, strict=True)
            ],
            hovertemplate="neuron %{customdata[0]}: %{customdata[1]}, %{customdata[2]}%{customdata[3]}<extra></extra>",
        )
    tiles = sorted(neurons["tile"].unique().tolist())
    figure["layout"]["yaxis"] |= {
        "tickvals": tiles,
        "ticktext": [str(divmod(tile, cols)) for tile in tiles],
        "range": [max(tiles) + 0.7, min(tiles) - 0.7],  # north above
        "title": {},
    }
    figure["layout"]["hovermode"] = "closest"
    _bands(figure, run.table("rounds"))
    return _finished(figure, 1, extra=max(60, 18 * len(tiles)))


def beside(runs: Mapping[str, Run]) -> Figure:
    """Several runs: loss, neurons and wires of every round, one look a run."""
    figure, known = _panels(["training loss", "hidden neurons", "wires"]), looks(runs)
    for name, run in runs.items():
        rounds, colour, dash = run.table("rounds"), known[name].colour, known[name].dash
        for row, column in enumerate(("loss", "neurons", "wires"), 1):
            shape = "linear" if row == 1 else "hv"
            _line(figure, row, rounds["round"], rounds[column], text(name), colour, shape, row == 1, dash)
    return _finished(figure, 3)


def along(runs: Mapping[str, Run], split: str = "test") -> Figure:
    """Several runs: mean accuracy over the experiences known so far, after each of them."""
    figure, known = _panels([f"mean {score_of_all(runs)}"], "experiences learned"), looks(runs)
    for name, run in runs.items():
        mean = mean_accuracies(run, headline(run), split).loc[0:]
        colour, dash = known[name].colour, known[name].dash
        _line(figure, 1, mean.index.to_series() + 1, mean, text(name), colour, "linear", True, dash)
    figure["layout"]["xaxis"]["dtick"] = 1
    figure["layout"]["yaxis"]["rangemode"] = "normal"
    return _finished(figure, 1, extra=60)


def front(table: pd.DataFrame, score: str = "accuracy") -> Figure:
    """Accuracy against wires, a dot a run, and the Pareto front.

    Args:
        table: as ``Runs.results`` gives it; where its column ``quick`` is true, marks are open and not of the front.
        score: what accuracy is called.
    """
    quick = table["quick"].astype(bool) if "quick" in table else pd.Series(False, index=table.index)
    best = pareto_front(table if quick.all() else table[~quick])
    figure, known = _panels([score], "wires in use"), looks(table["run"])
    _add(
        figure,
        1,
        x=_plain(best["wires"]),
        y=_plain(best["accuracy"]),
        name="Pareto front",
        mode="lines",
        line={"color": "#888888", "shape": "hv"},
    )
    for name, wires, accuracy, hollow in zip(table["run"], table["wires"], table["accuracy"], quick, strict=True):
        shape = "circle-open" if hollow else "circle"
        marker = {"color": known[str(name)].colour, "size": 10, "symbol": shape}
        _add(figure, 1, x=_plain([wires]), y=_plain([accuracy]), name=text(name), mode="markers", marker=marker)
    figure["layout"]["hovermode"] = "closest"
    figure["layout"]["yaxis"]["rangemode"] = "normal"
    return _finished(figure, 1, extra=90)


def score_of_all(runs: Mapping[str, Run]) -> str:
    """What the scores of several runs are called together."""
    return common([score_name(run) for run in runs.values()], "score")


def text(name: object) -> str:
    """A name as plotly shows it: as it is, for it takes tags and links in it for such."""
    return html.escape(str(name), quote=False)


def _plain(values: Iterable[Any]) -> list[Any]:
    """Numbers as JSON has them: what is missing or infinite is null."""
    return [value if pd.notna(value) and math.isfinite(value) else None for value in np.asarray(values).tolist()]


def _panels(names: list[str], x: str = "round") -> Figure:
    """Axes below each other, over one x."""
    rows, axes = len(names), {}
    gap = 0.22 / rows**1.4
    high = (1 - gap * (rows - 1)) / rows
    for row, name in enumerate(names, 1):
        below = (rows - row) * (high + gap)
        last = {"title": {"text": x}} if row == rows else {"matches": _axis("x", rows), "showticklabels": False}
        axes[_axis("xaxis", row)] = {"anchor": _axis("y", row), "domain": [0.0, 1.0], "zeroline": False, **last}
        axes[_axis("yaxis", row)] = {
            "anchor": _axis("x", row),
            "domain": [below, below + high],
            "title": {"text": name},
            "rangemode": "tozero",
            "fixedrange": True,
            "zeroline": False,
        }
    return {"data": [], "layout": axes}


def _axis(name: str, row: int) -> str:
    """The name of an axis; that of the first row has no number."""
    return name if row == 1 else f"{name}{row}"


def _add(figure: Figure, row: int, **trace: Any) -> None:
    """Draw something on the axes of a row."""
    figure["data"].append({"type": "scatter", "xaxis": _axis("x", row), "yaxis": _axis("y", row), **trace})


def _line(
    figure: Figure,
    row: int,
    x: Any,
    y: Any,
    name: str,
    colour: str,
    shape: str,
    legend: bool | None = None,
    dash: str = "solid",
) -> None:
    """A line; with ``legend`` lines of one name are shown and hidden together."""
    together = {} if legend is None else {"legendgroup": name, "showlegend": legend}
    mode = "lines+markers" if shape == "linear" else "lines"
    line, marker = {"color": colour, "shape": shape, "width": 2, "dash": dash}, {"size": 4}
    _add(figure, row, x=_plain(x), y=_plain(y), name=name, mode=mode, line=line, marker=marker, **together)


def _bands(figure: Figure, rounds: pd.DataFrame) -> None:
    """Experiences as bands behind all axes, named by their task."""
    many = rounds["experience"].nunique()
    shapes, names = [], []
    for _, own in rounds.groupby("experience"):
        task, first, last = int(own["task"].iloc[0]), int(own["round"].min()) - 0.5, int(own["round"].max()) + 0.5
        place = {"x0": first, "x1": last, "xref": "x", "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}
        colour = task_colour(task)
        shapes.append({"type": "rect", "fillcolor": colour, "opacity": BAND, "line": {"width": 0}, **place})
        if many <= 12:
            where = {"x": (first + last) / 2, "xref": "x", "y": 1, "yref": "paper", "yanchor": "bottom"}
            names.append({"text": f"task {task}" if many <= 6 else str(task), "showarrow": False, **where})
    figure["layout"] |= {"shapes": shapes, "annotations": names}


def _finished(figure: Figure, rows: int, extra: int = 0) -> Figure:
    figure["layout"] = {
        "hovermode": "x",
        **figure["layout"],
        "height": rows * PANEL + FRAME + extra,
        "margin": {"l": 62, "r": 12, "t": 24, "b": 46},
        "legend": {"orientation": "h", "yanchor": "top", "y": -66 / (rows * PANEL + extra), "x": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12},
        "hoverlabel": {"namelength": -1},
    }
    return figure


def _symbol(kind: str, retired: bool) -> str:
    return ("square" if kind == "output" else "circle") + ("-open" if retired else "")
