"""How long one waits for smalti: for its help, the list of streams, a first table, and whole runs with their reports.

    python benchmarks/startup.py
    python benchmarks/startup.py --subjects "smalti run" --threads 1 --against ../older

Every measurement is a fresh interpreter in an empty folder; the median of some counts, and the least. Help and the list
of streams should take less than half a second of a processor's time, and do without torch. With ``--against`` another
checkout is measured in turn with this one. The first use has no compiled kernels, all others have.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter

import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.script import script

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
    "smalti run --quick": ["run", "--quick", "--out", "run"],
    "smalti run": ["run", "--out", "run"],
    "smalti run, first use": ["run", "--out", "run"],
}
UNCOMPILED = ("smalti run, first use",)
QUICK = ("import smalti", "smalti --help", "smalti run --help", "smalti data")


@dataclass(frozen=True, kw_only=True)
class Startup:
    """Measure how long one waits for smalti.

    Attributes:
        repeats: interpreters of each kind; the median counts.
        subjects: what to measure; by default everything.
        threads: most threads that compute; 0: as the machine has them.
        against: another checkout, measured in turn with this one.
        json: file for the results.
    """

    repeats: int = 5
    subjects: tuple[str, ...] = tuple(SUBJECTS)
    threads: int = 0
    against: Path | None = None
    json: Path | None = None

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise ValueError(f"--repeats {self.repeats} must be at least 1")
        for subject in self.subjects:
            if subject not in SUBJECTS:
                raise ValueError(f"--subjects {subject!r} is unknown; take some of {', '.join(map(repr, SUBJECTS))}")
        if self.against is not None and not (self.against / "smalti").is_dir():
            raise ValueError(f"--against {self.against} is no checkout of smalti: it has no folder of that name")


@dataclass(frozen=True)
class Record:
    """One thing that is waited for."""

    subject: str
    checkout: str
    user: float  # seconds of user CPU, median
    user_low: float
    seconds: float  # on the clock, median
    torch: bool  # whether torch was imported


def code_of(subject: str) -> str:
    """What a fresh interpreter is told; it says at the end whether it has torch."""
    what = SUBJECTS[subject]
    return LISTED.format(what, WHETHER) if isinstance(what, list) else f"import sys\n{what}\n{WHETHER}"


def once(code: str, root: Path = ROOT, threads: int = 0, compiled: bool = True) -> tuple[float, float, bool]:
    """Seconds of user CPU and on the clock that an interpreter takes, and whether it had torch.

    Args:
        code: what it runs.
        root: the checkout whose smalti it imports.
        threads: most threads; 0: as the machine has them.
        compiled: it finds the kernels that were compiled before.

    Raises:
        ValueError: it failed, with what it said.
    """
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, perf_counter()
    with tempfile.TemporaryDirectory() as empty:
        variables = {**os.environ, "PYTHONPATH": str(root.resolve())}
        if threads:
            variables |= dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
        if not compiled:
            variables["NUMBA_CACHE_DIR"] = str(Path(empty) / "kernels")
        answer = subprocess.run([sys.executable, "-c", code], cwd=empty, env=variables, capture_output=True, text=True)
    seconds = perf_counter() - begin
    if answer.returncode:
        raise ValueError(f"it failed: {answer.stderr.strip()}")
    user = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return user, seconds, answer.stderr.strip().endswith("True")


def measure(subject: str, options: Startup) -> list[Record]:
    """One subject in each checkout, after an interpreter that is not counted and leaves compiled files."""
    roots = [ROOT, *([] if options.against is None else [options.against])]
    ask = partial(once, code_of(subject), threads=options.threads, compiled=subject not in UNCOMPILED)
    repeated = [[ask(root=root) for root in roots] for _ in range(1 + options.repeats)][1:]
    records = []
    for root, takes in zip(roots, zip(*repeated, strict=True), strict=True):
        users, seconds, torch = zip(*takes, strict=True)
        name = "this" if root == ROOT else str(root)
        records.append(Record(subject, name, median(users), min(users), median(seconds), torch[0]))
    return records


def table(records: list[Record]) -> Table:
    """A row for each subject, in each checkout if there are several."""
    made, several = Table(title="seconds that a fresh interpreter takes"), len({one.checkout for one in records}) > 1
    for heading in ("subject", *["checkout"] * several):
        made.add_column(heading)
    for heading in ("user CPU", "least", "on the clock", "torch"):
        made.add_column(heading, justify="right")
    for one in records:
        numbers = (f"{one.user:.2f}", f"{one.user_low:.2f}", f"{one.seconds:.2f}")
        made.add_row(one.subject, *[one.checkout] * several, *numbers, "imported" if one.torch else "-")
    return made


def main(options: Startup) -> None:
    """Measure and print."""
    records, console = [one for subject in options.subjects for one in measure(subject, options)], Console()
    console.print(table(records))
    for own, other in pairwise(records):
        if own.subject == other.subject:
            console.print(f"{own.subject}: {other.user / own.user:.2f} times the user CPU in {other.checkout}")
    slow = [one.subject for one in records if one.subject in QUICK and (one.user > ENOUGH or one.torch)]
    console.print(f"slower than {ENOUGH} s or with torch: {', '.join(slow) or 'none of those that should not be'}")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(one) for one in records], indent=2) + "\n")


if __name__ == "__main__":
    script(lambda: main(tyro.cli(Startup)))
