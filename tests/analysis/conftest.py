"""A run made of tables by hand, one whose texts want to be code, and one of three tasks at once with snapshots."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.runner import start


class Tables:
    """What analysis wants of a run: ``config``, ``path``, ``steps``, ``tables``, ``table``."""

    def __init__(self, config: dict[str, Any], tables: dict[str, pd.DataFrame]) -> None:
        self.path, self.config, self._tables = Path("run"), config, tables
        self.tables = tuple(sorted(tables))
        self.steps = config.get("stream", {}).get("steps", 0)

    def table(self, name: str) -> pd.DataFrame:
        return self._tables[name]


@pytest.fixture(scope="session")
def tables() -> type[Tables]:
    """``tables(config, {"rounds": ...})``."""
    return Tables


EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="session")
def foreign_run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose folder, tables and environment hold ``EVIL`` wherever a text stands that a page may show."""
    folder = shutil.copytree(finished_run, tmp_path_factory.mktemp("foreign") / EVIL)
    for table in ("neurons", "bids"):
        for part in (folder / "tables" / table).glob("*.parquet"):
            rows = pq.read_table(part)
            for name in {"rule", "reason"} & {*rows.column_names}:
                column = pa.array([EVIL] * len(rows), pa.string())
                rows = rows.set_column(rows.column_names.index(name), name, column)
            pq.write_table(rows, part)
    environment = folder / "environment.json"
    facts = json.loads(environment.read_text(encoding="utf-8"))
    facts["versions"] = {EVIL: EVIL}
    environment.write_text(json.dumps({**facts, "machine": EVIL}), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def joint_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cognitive tasks at once in one net on 2 x 2 tiles, seeds everywhere, a snapshot of each of three rounds."""
    path = tmp_path_factory.mktemp("joint") / "run"
    options = {
        "stream.setting": "joint",
        "stream.cognitive.tasks": ("fdgo", "delaygo", "dm1"),
        "stream.cognitive.trials": 64,
        "gating.network": "label",
        "gating.experts": "shared",
        "gating.protect": False,
        "fabric.rows": 2,
        "fabric.cols": 2,
        "fabric.neurons_per_tile": 8,
        "training": {"rounds": 3, "steps": 20, "restarts": ()},
        "growth.when": "never",
        "growth.reach": "chip",
        "growth.seed_width": 4,
        "growth.sibling_weight": 1.0,
        "growth.reuse.by": "none",
        "run.snapshots": 1,
    }
    start(configure("cognitive", options), path, lambda simulation: None)
    return path
