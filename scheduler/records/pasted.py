"""Commands that are printed for the user to paste into a shell: whatever a path is called, it stays one word."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

UNSAFE = '"$`\\!'  # that mean something between double quotes


def pasted(*words: str | Path) -> str:
    """A command line of these words; a path that looks like an option is told from one."""
    return " ".join(shlex.quote(_word(word)) for word in words)


def _word(word: str | Path) -> str:
    text = os.fspath(word)
    return f"./{text}" if isinstance(word, Path) and text.startswith("-") else text


def reading(table: str | Path) -> str:
    """The command that prints a table with pandas."""
    code = f"import pandas as pd; print(pd.read_parquet({os.fspath(table)!r}))"
    return "python -c " + (shlex.quote(code) if set(UNSAFE) & set(code) else f'"{code}"')
