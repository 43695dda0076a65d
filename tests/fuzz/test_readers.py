"""Mutated files of events and folders of arrays are read, or refused in a line that names the file.

A process reads them, for libhdf5 itself falls over one mutated file in some ten thousand; another one goes on behind.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

READER = Path(__file__).with_name("reader.py")
CRASHES = 0.005  # share of files of HDF5 at which libhdf5 may end the process
LONGEST = 300  # seconds of a process


def read(kind: str, seed: int, count: int) -> tuple[list[str], int, int]:
    """What was wrong with inputs of a kind, how many were refused, and how often the process was ended."""
    wrong, refused, crashes, first = list[str](), 0, 0, 0
    while first < count:
        command = [sys.executable, str(READER), kind, str(seed), str(first), str(count)]
        process = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
        lines = process.stdout.splitlines()
        ended = [json.loads(line) for line in lines if line.startswith("{")]
        wrong += [f"seed {seed}, {one['number']} ({kind}):\n{one['wrong']}" for one in ended if one["wrong"]]
        refused += sum(one["refused"] for one in ended)
        assert lines, process.stderr[-2000:]
        first += len(ended)
        if first < count:
            crashes, first = crashes + 1, first + 1
            assert process.returncode < 0, process.stderr[-2000:]
    return wrong, refused, crashes


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            "hdf5", marks=pytest.mark.skipif(importlib.util.find_spec("h5py") is None, reason="needs the extra shd")
        ),
        "folder",
    ],
)
@pytest.mark.parametrize("count", [300, pytest.param(4000, marks=pytest.mark.slow)])
def test_mutated_files(kind: str, count: int) -> None:
    wrong, refused, crashes = read(kind, 0, count)
    assert wrong == []
    assert count / 4 < refused < count
    assert crashes <= (CRASHES * count if kind == "hdf5" else 0)
