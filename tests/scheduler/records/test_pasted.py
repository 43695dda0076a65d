from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from smalti.scheduler.records.pasted import pasted, reading

NAMES = ["plain", "two words", "it's", 'a "quoted" one', "$HOME", "`id`", "back\\slash", "*", "x" * 200, "~x", "a;b"]


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_gives_back_the_words(name: str) -> None:
    command = pasted("printf", "%s|", "show", Path("runs") / name)
    told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert told == f"show|runs/{name}|"


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_gives_python_the_name_of_the_table(name: str) -> None:
    command = reading(Path("runs") / name).replace("import pandas as pd; print(pd.read_parquet(", "print((")
    told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert told == f"runs/{name}\n"


def test_plain_paths_are_printed_plainly() -> None:
    assert pasted("smalti", "show", Path("runs/digits-class-001")) == "smalti show runs/digits-class-001"
    assert reading(Path("runs/x")) == """python -c "import pandas as pd; print(pd.read_parquet('runs/x'))\""""


def test_a_path_is_no_option() -> None:
    assert pasted("smalti", "show", Path("-x"), "--table") == "smalti show ./-x --table"
