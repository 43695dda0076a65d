"""Mutated inputs of every kind: each is taken, or refused in words, soon and without taking all memory.

Child processes try them, for a hang or a crash must not end the tests. The seed and the number of an input make it
again (``child.py`` says how).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("child.py")
IN_A_PROCESS = 250
LONGEST = 400  # seconds of a process


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder for a sound input of every kind; the first process makes them."""
    return tmp_path_factory.mktemp("fuzz") / "sound"


def wrong(sound: Path, seed: int, numbers: range) -> list[str]:
    """What went wrong with these inputs."""
    command = [sys.executable, str(CHILD), str(sound), str(seed), *map(str, numbers)]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
        told, end = process.stdout, f"ended with {process.returncode}: {process.stderr[-2000:]}"
    except subprocess.TimeoutExpired as error:
        told, end = (error.stdout or b"").decode(), "was stopped: it hangs"
    lines = [json.loads(line) for line in told.splitlines()]
    kinds = {line["number"]: line["kind"] for line in lines if "kind" in line}
    ended = [line for line in lines if "wrong" in line]
    found = [f"seed {seed}, {one['number']} ({kinds[one['number']]}):\n{one['wrong']}" for one in ended if one["wrong"]]
    if len(ended) < len(numbers):
        last = max(kinds, default=-1)
        found.append(f"seed {seed}, {last} ({kinds.get(last)}): the process {end}")
    return found


def test_a_hundred_mutated_inputs(sound: Path) -> None:
    assert wrong(sound, 0, range(100)) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 1500, IN_A_PROCESS))
def test_more_than_a_thousand_mutated_inputs(sound: Path, first: int) -> None:
    assert wrong(sound, 1, range(first, first + IN_A_PROCESS)) == []
