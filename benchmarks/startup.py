"""How long one waits for smalti: for its help, for the list of streams, and from ``import smalti`` to a first table.

    python benchmarks/startup.py

Every measurement is a fresh interpreter in an empty folder; the median of some counts, and the least. Help and the list
of streams should take less than half a second of a processor's time, and do without torch.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import tyro
from rich.console import Console
from rich.table import Table

ENOUGH = 0.5  # seconds of user CPU that help and the list of streams may take
ROOT = Path(__file__).resolve().parent.parent
LISTED = "import sys\nfrom smalti.scheduler.cli import main\ntry:\n    main({!r})\nfinally:\n    {}"
WHETHER = "print('torch' in sys.modules, file=sys.stderr)"
FIRST = "import smalti\nprint(smalti.run('digits', quick=True, progress=False).table('rounds'))"
SUBJECTS = {
    "import smalti": "import smalti",
    "smalti --help": ["--help"],
    "smalti data": ["data"],
    "smalti run --help": ["run", "--help"],
    "smalti run --help-all": ["run", "--help-all"],
    "import smalti to a first table": FIRST,
}
QUICK = ("import smalti", "smalti --help", "smalti run --help", "smalti data")


@dataclass(frozen=True, kw_only=True)
class Startup:
    """Measure how long one waits for smalti.

    Attributes:
        repeats: interpreters of each kind; the median counts.
        json: file for the results.
    """

    repeats: int = 5
    json: Path | None = None

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise ValueError(f"--repeats {self.repeats} must be at least 1")


@dataclass(frozen=True)
class Record:
    """One thing that is waited for."""

    subject: str
    user: float  # seconds of user CPU, median
    user_low: float
    seconds: float  # on the clock, median
    torch: bool  # whether torch was imported


def code_of(subject: str) -> str:
    """What a fresh interpreter is told; it says at the end whether it has torch."""
    what = SUBJECTS[subject]
    return LISTED.format(what, WHETHER) if isinstance(what, list) else f"import sys\n{what}\n{WHETHER}"


def once(code: str) -> tuple[float, float, bool]:
    """Seconds of user CPU and on the clock that an interpreter takes, and whether it had torch.

    Raises:
        ValueError: it failed, with what it said.
    """
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, perf_counter()
    with tempfile.TemporaryDirectory() as empty:
        variables = {**os.environ, "PYTHONPATH": str(ROOT)}
        answer = subprocess.run([sys.executable, "-c", code], cwd=empty, env=variables, capture_output=True, text=True)
    seconds = perf_counter() - begin
    if answer.returncode:
        raise ValueError(f"it failed: {answer.stderr.strip()}")
    user = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return user, seconds, answer.stderr.strip().endswith("True")


def measure(subject: str, repeats: int) -> Record:
    """One subject, after an interpreter that is not counted and leaves compiled files."""
    code = code_of(subject)
    once(code)
    repeated = [once(code) for _ in range(repeats)]
    users = [user for user, _, _ in repeated]
    return Record(subject, median(users), min(users), median(seconds for _, seconds, _ in repeated), repeated[0][2])


def table(records: list[Record]) -> Table:
    """A row for each subject."""
    made = Table(title="seconds that a fresh interpreter takes")
    for heading in ("subject", "user CPU", "least", "on the clock", "torch"):
        made.add_column(heading, justify="left" if heading == "subject" else "right")
    for one in records:
        numbers = (f"{one.user:.2f}", f"{one.user_low:.2f}", f"{one.seconds:.2f}")
        made.add_row(one.subject, *numbers, "imported" if one.torch else "-")
    return made


def main(options: Startup) -> None:
    """Measure and print."""
    records, console = [measure(subject, options.repeats) for subject in SUBJECTS], Console()
    console.print(table(records))
    slow = [one.subject for one in records if one.subject in QUICK and (one.user > ENOUGH or one.torch)]
    console.print(f"slower than {ENOUGH} s or with torch: {', '.join(slow) or 'none of those that should not be'}")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(one) for one in records], indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Startup))
