"""The notebooks: what is in git is clean, and each runs from top to bottom."""

from __future__ import annotations

import ast
import importlib.util
import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="notebooks need the extra `notebooks`")
nbclient = pytest.importorskip("nbclient", reason="notebooks need the extra `notebooks`")
pytest.importorskip("ipykernel", reason="notebooks need the extra `notebooks`")
pytest.importorskip("matplotlib", reason="notebooks draw pictures")

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "analysis" / "notebooks").glob("*.ipynb"))
SWEEPS = importlib.util.find_spec("smalti.scheduler.experiments") is not None
SLOW = {
    "4_growth_rules.ipynb": (),
    "5_a_sweep.ipynb": (pytest.mark.skipif(not SWEEPS, reason="needs smalti sweep"),),
    "6_reuse.ipynb": (),
}
LOGIC = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.If, ast.Try)


def runnable() -> list[object]:
    """Those that take many runs are slow; continuous integration runs them too."""
    return [
        pytest.param(path, id=path.stem, marks=(pytest.mark.slow, *SLOW[path.name]) if path.name in SLOW else ())
        for path in NOTEBOOKS
    ]


def read(path: Path) -> object:
    return nbformat.read(path, as_version=4)


def test_there_are_the_six_that_the_documentation_names() -> None:
    assert len(NOTEBOOKS) == 6
    text = (ROOT / "docs" / "analysis.md").read_text(encoding="utf-8")
    assert all(path.name in text for path in NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_holds_no_output_no_logic_and_says_what_one_learns(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    first, *_ = notebook.cells
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert "What you learn here:" in first.source
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
            lines = [] if cell.source.startswith("%%") else cell.source.splitlines()
            code = ast.parse("\n".join(line for line in lines if not line.startswith("%")))
            assert not [node for node in ast.walk(code) if isinstance(node, LOGIC)], cell.source


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all of them run: the first run is made once."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.mark.parametrize("path", runnable())
@pytest.mark.filterwarnings("default")  # of the machinery that runs notebooks
def test_runs_from_top_to_bottom(path: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(variable, str(desk / "jupyter"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
    notebook = read(path)
    resources = {"metadata": {"path": str(desk)}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            said = "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr")
            assert "Warning" not in said.replace("TqdmWarning: IProgress", ""), (
                said
            )  # that is of widgets that are not here
            if ".draw_" in cell.source:
                assert any("image/png" in output.get("data", {}) for output in cell.outputs), cell.source
