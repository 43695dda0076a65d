"""The front door in a notebook: a bar while a run goes on, and runs and simulations that show themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="notebooks need the extra `notebooks`")
nbclient = pytest.importorskip("nbclient", reason="notebooks need the extra `notebooks`")
pytest.importorskip("ipykernel", reason="notebooks need the extra `notebooks`")

ROOT = Path(__file__).resolve().parent.parent
CELLS = [
    'import smalti\nrun = smalti.run("digits", quick=True, rounds=1, out="first")\nrun',
    "smalti.Simulation('digits', quick=True)",
    'smalti.run("digits", quick=True, rounds=1, out="second", progress=False)',
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_cells_show_runs_and_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    seen: list[dict[str, Any]] = []  # what the kernel displays and updates, in order

    class Watching(nbclient.NotebookClient):  # type: ignore[misc]
        def process_message(self, msg: dict[str, Any], *rest: Any) -> Any:
            if msg["msg_type"] in ("display_data", "update_display_data"):
                seen.append(msg["content"])
            return super().process_message(msg, *rest)

    Watching(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    first, second, third = ([out for out in cell.outputs if out.output_type == "execute_result"] for cell in book.cells)
    assert "first" in first[0].data["text/html"]
    assert "5 of 5 rounds" in first[0].data["text/html"]
    assert "accuracy, class-incremental" in first[0].data["text/html"]
    assert second[0].data["text/plain"].startswith("<Simulation digits: 0 of 15 rounds")
    assert third[0].data["text/plain"].startswith("<Run second: digits")
    bars = [content["data"]["text/html"] for content in seen if "progress" in content["data"].get("text/html", "")]
    assert len(bars) == 5  # one a round, of the first cell alone
    assert "round 5 of 5: loss" in bars[-1]
    assert seen[-1]["data"]["text/html"] == ""  # taken away at the end
    assert not [out for cell in book.cells for out in cell.outputs if out.output_type == "stream"]
