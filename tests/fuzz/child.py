"""A process that tries mutated inputs one after the other: python child.py SOUND SEED NUMBER...

Where there are no sound inputs yet, it makes them. For each number it writes a line in JSON when it begins, and one
when it ends: what was wrong, if anything. ``guard`` says what it may take.
To see what a number does: python tests/fuzz/child.py /tmp/sound SEED NUMBER
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import guard
from kinds import KINDS, ORDER, make_sound, warm_up


def attempt(sound: Path, seed: int, number: int) -> str:
    """Try one input; what was wrong."""
    chance = np.random.default_rng((seed, number))
    with tempfile.TemporaryDirectory() as fresh:
        return guard.tried(lambda: KINDS[ORDER[number % len(ORDER)]](sound, Path(fresh), chance))


def main(sound: Path, seed: int, numbers: list[int]) -> None:
    """Try these inputs."""
    if not sound.exists():
        sound.mkdir()
        make_sound(sound)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warm_up(sound)
    guard.limited()
    for number in numbers:
        begin = time.perf_counter()
        print(json.dumps({"number": number, "kind": ORDER[number % len(ORDER)]}), flush=True)
        wrong = attempt(sound, seed, number)
        seconds = time.perf_counter() - begin
        print(
            json.dumps({"number": number, "wrong": wrong, "seconds": seconds, "bytes": guard.memory()}),
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), [int(word) for word in sys.argv[3:]])
