from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.engines import host

CPUINFO = """processor\t: 0
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC
flags\t\t: fpu avx2

processor\t: 1
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC
flags\t\t: fpu avx2
"""


def test_processor_and_versions_are_named(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(CPUINFO)
    line = host.describe(file)
    assert line.startswith("AMD EPYC, family 25 model 1, 2 virtual cores, avx2 yes, avx512f no, ")
    assert f"torch {torch.__version__}" in line


def test_other_systems_say_less(tmp_path: Path) -> None:
    assert "(" in host.processor(tmp_path / "nothing")
