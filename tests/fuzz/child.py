"""A process that tries mutated inputs one after the other: python child.py SOUND SEED NUMBER...

Where there are no sound inputs yet, it makes them. For each number it writes a line in JSON when it begins, and one
when it ends: what was wrong, if anything. It gives itself 2 GB beyond what libraries take, and 20 seconds for an input.
To see what a number does: python tests/fuzz/child.py /tmp/sound SEED NUMBER
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from kinds import KINDS, ORDER, make_sound, warm_up

SECONDS = 20
BYTES = 2 << 30


class TooLong(BaseException):
    """An input took too long."""


def too_long(*_: object) -> None:
    raise TooLong(f"took more than {SECONDS} seconds")


def attempt(sound: Path, seed: int, number: int) -> str:
    """Try one input; what was wrong."""
    chance = np.random.default_rng((seed, number))
    kind = ORDER[number % len(ORDER)]
    signal.alarm(SECONDS)
    quiet = io.StringIO()
    try:
        with (
            tempfile.TemporaryDirectory() as fresh,
            contextlib.redirect_stdout(quiet),
            contextlib.redirect_stderr(quiet),
        ):
            KINDS[kind](sound, Path(fresh), chance)
    except BaseException:
        return traceback.format_exc()
    finally:
        signal.alarm(0)
    return ""


def memory() -> int:
    """Bytes of address space; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def limit_memory() -> None:
    """No more than BYTES beside what is there by now."""
    taken = memory()
    resource.setrlimit(resource.RLIMIT_AS, (taken + BYTES, taken + BYTES))


def main(sound: Path, seed: int, numbers: list[int]) -> None:
    """Try these inputs."""
    if not sound.exists():
        sound.mkdir()
        make_sound(sound)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warm_up(sound)
    if sys.platform == "linux":
        limit_memory()
    signal.signal(signal.SIGALRM, too_long)
    faulthandler.enable()
    for number in numbers:
        begin = time.perf_counter()
        print(json.dumps({"number": number, "kind": ORDER[number % len(ORDER)]}), flush=True)
        wrong = attempt(sound, seed, number)
        print(
            json.dumps({"number": number, "wrong": wrong, "seconds": time.perf_counter() - begin, "bytes": memory()}),
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), [int(word) for word in sys.argv[3:]])
