"""Tables and the picture of what ``benchmarks/engines/step.py`` has measured."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.engines.roofline import Machine
from benchmarks.engines.timing import OURS, Record

LEAST_FITTED = 1024  # neurons from which on the exponent is fitted


def blank(title: str, left: str, *headings: str) -> Table:
    """A table without rows; its first column stands left, all others right."""
    table = Table(title=title, box=SIMPLE_HEAD, collapse_padding=True)
    table.add_column(left, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def megabytes(size: int | None) -> str:
    """Of memory; a dash where it was not counted."""
    return "-" if size is None else f"{size / 1e6:,.0f}"


def times(one: Record) -> tuple[str, str, str]:
    """Seconds of the clock: median, least, greatest."""
    return f"{one.seconds:.4f}", f"{one.seconds_low:.4f}", f"{one.seconds_high:.4f}"


def cpu_times(one: Record) -> tuple[str, str, str]:
    """Seconds of the processor: median, least, greatest."""
    return f"{one.cpu_seconds:.4f}", f"{one.cpu_low:.4f}", f"{one.cpu_high:.4f}"


def steps(records: Sequence[Record], flushed: bool = True) -> list[Record]:
    """Training steps, with denormal numbers flushed or not."""
    return [one for one in records if one.what == "step" and one.flushed == flushed]


def cases(records: Sequence[Record]) -> dict[tuple[int, float], dict[str, Record]]:
    """Records by size and rate wanted, then engine, in their order."""
    by_case: dict[tuple[int, float], dict[str, Record]] = {}
    for one in records:
        by_case.setdefault((one.neurons, one.rate_asked), {})[one.engine] = one
    return by_case


def fastest_peer(engines: dict[str, Record]) -> Record | None:
    """Of one network."""
    return min((one for one in engines.values() if one.engine not in OURS), key=lambda o: o.compared, default=None)


def step_table(records: Sequence[Record], title: str) -> Table:
    """A row for each engine, size and rate."""
    spans = "CPU s", "low", "high", "clock s", "low", "high"
    table = blank(title, "engine", "neurons", *spans, "ratio", "deviation", "rate", "peak MB", "all MB")
    for engines in cases(records).values():
        peer = fastest_peer(engines)
        for one in engines.values():
            ratio = f"{one.compared[0] / peer.compared[0]:.2f}" if peer else "-"
            apart = "-" if one.deviation is None else f"{one.deviation:.0e}"
            memory = megabytes(one.peak_bytes), megabytes(one.resident_bytes)
            rest = ratio, apart, f"{one.rate:.3f}", *memory
            table.add_row(one.engine, str(one.neurons), *cpu_times(one), *times(one), *rest)
    return table


def speed_table(records: Sequence[Record]) -> Table:
    """How many times faster the event-driven engine is."""
    table = blank(
        "the event-driven engine against others: times faster, and share of their peak memory",
        "fastest peer",
        "neurons",
        "rate",
        "active",
        "peer / events",
        "dense / events",
        "peer / events, clock",
        "memory, events / dense",
    )
    for (neurons, rate), engines in cases(records).items():
        if "events" in engines:
            ours, peer, dense = engines["events"], fastest_peer(engines), engines.get("dense")
            faster = [f"{other.compared[0] / ours.compared[0]:.1f}" if other else "-" for other in (peer, dense)]
            faster.append(f"{peer.seconds / ours.seconds:.1f}" if peer else "-")
            share = (
                f"{ours.peak_bytes / dense.peak_bytes:.2f}" if dense and ours.peak_bytes and dense.peak_bytes else "-"
            )
            table.add_row(peer.engine if peer else "-", str(neurons), f"{rate:g}", f"{ours.active:.2f}", *faster, share)
    return table


def exponents(records: Sequence[Record]) -> list[str]:
    """Fitted exponents of cost, a line for each rate, of the event-driven engine.

    Spikes take time to cross a large chip, so that its share of active membranes is less than that of a small one at
    the same rate: the exponent against the operations that are needed (``engines.roofline``) is printed beside.
    """
    ours = [one for one in steps(records) if one.engine == "events" and one.neurons >= LEAST_FITTED]
    lines = []
    for rate in sorted({one.rate_asked for one in ours}):
        here = sorted((one for one in ours if one.rate_asked == rate), key=lambda one: one.neurons)
        if here[0].neurons < here[-1].neurons:
            seconds, needed = [one.compared[0] for one in here], [one.work.operations for one in here if one.work]
            power = f"{exponent([one.neurons for one in here], seconds):.2f}"
            besides = f", with operations needed to the power {exponent(needed, seconds):.2f}" if needed else ""
            ends = f"events, {here[0].neurons} to {here[-1].neurons} neurons, rate {rate:g}"
            lines.append(f"seconds grow with neurons to the power {power}{besides} ({ends})")
    return lines


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Slope of the line through the logarithms, by least squares."""
    return float(np.polyfit([math.log(size) for size in sizes], [math.log(s) for s in seconds], 1)[0])


def limit_table(records: Sequence[Record], machine: Machine) -> Table:
    """How far the event-driven engine is from what this machine could do."""
    table = blank(
        f"lower bound of a step: {machine.bytes_per_second / 1e9:.1f} GB/s copied, "
        f"{machine.operations_per_second / 1e9:.1f} G multiply-adds/s; reached: share of neurons and steps that spikes "
        "and adjoints can have come to",
        "limit",
        "neurons",
        "rate",
        "G operations",
        "GB",
        "bound s",
        "seconds",
        "fraction",
        "reached",
    )
    for one in records:
        if one.work is not None:
            work, bound = one.work, machine.seconds(one.work)
            by_bytes = work.bytes / machine.bytes_per_second >= bound
            reached = f"{work.reached_forward:.2f} {work.reached_backward:.2f}"
            table.add_row(
                "bytes" if by_bytes else "operations",
                str(one.neurons),
                f"{one.rate:.3f}",
                f"{work.operations / 1e9:.2f}",
                f"{work.bytes / 1e9:.3f}",
                f"{bound:.4f}",
                f"{one.compared[0]:.4f}",
                f"{bound / one.compared[0]:.2f}",
                reached,
            )
    return table


def passes_table(records: Sequence[Record]) -> Table:
    """The forward pass in training beside that in inference."""
    table = blank(
        "forward pass of the event-driven engine, with and without a tape",
        "pass",
        "neurons",
        "rate",
        "seconds",
        "low",
        "high",
        "times faster",
        "peak MB",
    )
    forward: Record | None = None
    for one in records:
        if one.what == "forward":
            forward = one
        if one.what in ("forward", "inference") and forward:
            faster = f"{forward.seconds / one.seconds:.2f}"
            row = str(one.neurons), f"{one.rate:.3f}", *times(one), faster, megabytes(one.peak_bytes)
            table.add_row(one.what, *row)
    return table


def scaling_table(records: Sequence[Record]) -> Table:
    """Throughput of several threads beside that of several processes."""
    table = blank(
        "steps a second of the event-driven engine, by threads and by processes of one thread (what the machine gains)",
        "by",
        "neurons",
        "how many",
        "seconds",
        "low",
        "high",
        "times faster",
        "share",
    )
    sizes = dict.fromkeys(one.neurons for one in records if one.what == "threads")
    for neurons in sizes:
        gains = dict[str, float]()
        for what in ("processes", "threads"):
            here = [one for one in records if (one.what, one.neurons) == (what, neurons)]
            for one in here:
                count = one.processes if what == "processes" else one.threads
                each = one.processes * here[0].seconds / one.seconds
                gains[what] = each
                compared = what == "threads" and one is here[-1] and "processes" in gains
                share = f"{each / gains['processes']:.2f}" if compared else "-"
                table.add_row(what, str(neurons), str(count), *times(one), f"{each:.2f}", share)
    return table


def draw(records: Sequence[Record], file: Path) -> None:
    """Seconds of a step against neurons, a line an engine and rate."""
    pyplot = importlib.import_module("matplotlib.pyplot")
    figure, axes = pyplot.subplots(figsize=(6.4, 4.4), layout="constrained")
    rates = sorted({one.rate_asked for one in steps(records)})
    for number, engine in enumerate(dict.fromkeys(one.engine for one in steps(records))):
        for rate, style in zip(rates, ("-", "--", ":", "-.") * len(rates), strict=False):
            at_rate = [one for one in steps(records) if (one.engine, one.rate_asked) == (engine, rate)]
            if at_rate:
                at_rate.sort(key=lambda one: one.neurons)
                sizes = [one.neurons for one in at_rate]
                label = engine if len(rates) == 1 else f"{engine}, {rate:.0%} spikes"
                middle, low, high = zip(*(one.compared for one in at_rate), strict=True)
                around = [np.subtract(middle, low), np.subtract(high, middle)]
                axes.errorbar(sizes, middle, around, color=f"C{number}", ls=style, marker="o", ms=4, label=label)
    everyone = [one.neurons for one in steps(records)]
    axes.set(xscale="log", yscale="log", xlabel="neurons", ylabel="seconds of a training step")
    axes.set_xticks(sorted(set(everyone)), [f"{size:,}" for size in sorted(set(everyone))], minor=False)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", title=f"about {rates[0]:.0%} spikes" if len(rates) == 1 else None)
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    pyplot.close(figure)
