"""Which commands there are: where each stands and what it does in a line. Imports none of them."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

WIDTH = 120  # characters at most


@dataclass(frozen=True)
class Entry:
    """One command."""

    module: str  # below smalti.scheduler.commands
    name: str  # of its class
    line: str  # the first of its docstring
    simulates: bool = False  # it wants Mesa, which is imported sooner where torch has not been


ENTRIES = {
    "run": Entry(
        "run",
        "Run",
        "Run a simulation: a spiking network on a tiled chip learns tasks one after another and grows as it needs to.",
        simulates=True,
    ),
    "resume": Entry(
        "resume",
        "Resume",
        "Go on with a run that was stopped; its tables end up the same as if it had not been.",
        simulates=True,
    ),
    "show": Entry("show", "Show", "Show a run: its configuration, the chip, its tables and results."),
    "report": Entry(
        "report",
        "Report",
        "Write a report on a run, or on several side by side: one HTML file that needs no network. Extra `report`.",
        simulates=True,
    ),
    "export": Entry(
        "export",
        "Export",
        "Write a run for other tools: its net as NIR, its wiring as a graph, or its chip as tables and weights.",
        simulates=True,
    ),
    "map": Entry(
        "map",
        "Map",
        "Place and route a trained recurrent net (a NIR file) on a chip; the run that begins with it trains it on.",
        simulates=True,
    ),
    "init": Entry(
        "init", "Init", "Write a commented configuration file: all defaults, or the recipe of a size of chip."
    ),
    "data": Entry("data", "Data", "List the data streams, or load one, check it and show what comes out."),
    "sweep": Entry(
        "experiments.sweep",
        "Sweep",
        "Run many variants of a configuration: every combination of a grid, samples, or an adaptive search.",
    ),
    "compare": Entry(
        "experiments.compare",
        "Compare",
        "Compare ways to grow, each over many seeds: means with 95 % intervals, and paired differences.",
    ),
    "benchmark": Entry(
        "experiments.benchmark",
        "RunBenchmark",
        "Benchmark methods of continual learning: tasks arrive one by one, none may be forgotten.",
    ),
    "dashboard": Entry(
        "dashboard",
        "Dashboard",
        "Show the chip in a browser: let it grow round by round, or play a recorded run back.",
        simulates=True,
    ),
}

TEXT = """\
usage: smalti [--version] [--import MODULE] COMMAND ...

Grow a spiking network on a tiled chip, task after task. Start with `smalti run`.

commands:
{commands}

options:
{options}

first steps:
  smalti run --quick                 some seconds, to see whether everything works
  smalti run                         split digits on the default chip; leaves a folder and a report
  smalti init my.toml                all options with comments; edit it, then `smalti run my.toml`
  smalti data                        which data there are, and what each needs
"""


OPTIONS = {
    "-h, --help": "show this and exit; `smalti COMMAND --help` explains a command and its options",
    "--version": "show the version and exit",
    "--import MODULE": (
        "a module of your own that adds growth rules, streams, gating networks and the like, such as mylab for "
        "mylab.py in this folder; for several, say it again. Runs remember it (run.imports)"
    ),
    "--completion SHELL": (
        "print what bash or zsh needs to complete commands and options; for bash: "
        "smalti --completion bash > ~/.local/share/bash-completion/completions/smalti"
    ),
}


def overview() -> str:
    """Help on all commands, as wide as the terminal."""
    commands = {name: entry.line for name, entry in ENTRIES.items()}
    return TEXT.format(commands=listed(commands), options=listed(OPTIONS))


def listed(meanings: Mapping[str, str]) -> str:
    """Names, and beside them what they are, as wide as the terminal."""
    left, width = max(map(len, meanings)) + 4, min(shutil.get_terminal_size().columns, WIDTH)
    lines = (
        textwrap.wrap(text, width, initial_indent=f"  {name}".ljust(left), subsequent_indent=" " * left)
        for name, text in meanings.items()
    )
    return "\n".join(line for wrapped in lines for line in wrapped)
