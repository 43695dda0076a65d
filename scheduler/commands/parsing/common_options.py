"""The short help of ``smalti run``: what most runs are told. Imports no option, so that it is there at once."""

from __future__ import annotations

from smalti.scheduler.commands.parsing.overview import ENTRIES, listed

COMMON = {  # option -> its default as text, what it is
    "stream.name": (
        "digits",
        "digits, mnist, fsdd, arrays (your .npz), cognitive, or one of your own; see `smalti data`",
    ),
    "stream.path": ("", "file or folder of the data, for streams that need one"),
    "stream.setting": ("class", "task (label given), domain, class (no label) or joint (all tasks at once)"),
    "seed": ("0", "seed of all random numbers; short for --run.seed"),
    "out": ("", "folder for the run; by default the next free one under runs/"),
    "quick": ("False", "shrink the run to seconds, to try things out; short for --run.quick"),
    "growth.rule": ("gradmax_whitened", "how newborns are wired (docs/growth.md)"),
    "growth.max_neurons": (
        "15",
        "hidden neurons an expert may have for each class; 0: as the chip allows",
    ),
    "fabric.rows": ("3", "rows of neuron tiles"),
    "fabric.cols": ("4", "columns of neuron tiles"),
    "training.rounds": ("10", "rounds of each task"),
    "report": ("True", "leave a report.html in the folder; --no-report: none"),
}
TEXT = """\
usage: smalti run [FILE.toml] [OPTIONS]

{line} Without arguments: split digits, five tasks of two classes, on the default chip.

  FILE.toml    configuration to start from (`smalti init` writes one); options override it

the usual options, and what they are without being given:
{options}

all options:
  smalti run --help-all           every section with all of its fields, and the names that may be given
  smalti init my.toml             the same as a file with comments; docs/options.md has them as a table

Truth values are flags: --run.quick, --gating.no_protect; --run.quick True and --gating.protect False do the same.
"""


def common_options() -> str:
    """The help, as wide as the terminal."""
    meanings = {f"--{name}": f"({default}) {line}" if default else line for name, (default, line) in COMMON.items()}
    return TEXT.format(line=ENTRIES["run"].line, options=listed(meanings))
