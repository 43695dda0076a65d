from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from smalti.scheduler.records.environment import changes, checkout_commit, environment
from smalti.scheduler.records.schema import SCHEMA_VERSION


def test_facts_are_plain_and_complete() -> None:
    facts = environment(seed=7, threads=2)
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["seed"], facts["threads"], facts["schema_version"]) == (7, 2, SCHEMA_VERSION)
    versions = facts["versions"]
    assert isinstance(versions, dict)
    assert versions["numpy"] == np.__version__
    assert {"torch", "mesa", "pandas", "pyarrow", "safetensors"} <= versions.keys()


def test_the_commit_of_this_checkout_is_known() -> None:
    root = Path(__file__).resolve().parents[3]
    assert environment(seed=0, threads=1).get("commit") == checkout_commit(root)
    assert (checkout_commit(root) is not None) == (root / ".git").exists()


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_commit_is_that_of_the_checkout_itself(tmp_path: Path) -> None:
    assert checkout_commit(tmp_path) is None  # no checkout
    git(tmp_path, "init")
    assert checkout_commit(tmp_path) is None  # no commit
    git(tmp_path, "commit", "--allow-empty", "-m", "one")
    assert checkout_commit(tmp_path) == git(tmp_path, "rev-parse", "HEAD").strip()
    (tmp_path / "site-packages").mkdir()
    assert checkout_commit(tmp_path / "site-packages") is None  # installed inside somebody else's checkout


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checkout_commit(Path(__file__).parent.parent.parent) is None


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"versions": ["a"]}',
        '{"versions": {}, "resumed": ["a"]}',
        '{"versions": {}, "resumed": 3}',
        "[" * 100_000,
        "{",
    ],
    ids=["list", "versions", "resumed", "number", "deep", "cut"],
)
def test_damaged_facts_are_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "environment.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"environment\.json is damaged"):
        changes(file)
    file.write_bytes('{"versions": {}}'.encode("utf-16"))
    with pytest.raises(ValueError, match=r"environment\.json is damaged"):
        changes(file)
