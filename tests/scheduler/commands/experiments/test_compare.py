from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smalti.scheduler.commands.experiments.student_teacher import caption, long_table
from smalti.scheduler.experiments.students import student_teacher
from smalti.scheduler.experiments.students.student_growth import METHODS
from smalti.scheduler.experiments.students.student_teacher import PUBLISHED, StudentTeacherOptions

Smalti = Callable[..., tuple[int, str, str]]
COMMAND = ("compare", "student-teacher", "--teachers", "2", "--points", "10", "--out", "mine")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(student_teacher, "STEPS", 12)
    monkeypatch.setattr(student_teacher, "INTERVAL", 2)


def words(text: str) -> str:
    return " ".join(text.split())


def test_it_leaves_tables_that_agree_with_what_it_prints(cli: Smalti) -> None:
    code, out, err = cli(*COMMAND)
    assert (code, err) == (0, "")
    tables = {
        name: pd.read_parquet(f"mine/{name}.parquet") for name in ("outcomes", "summary", "differences", "curves")
    }
    assert len(tables["outcomes"]) == len(METHODS) * 6
    assert tables["summary"]["variant"].tolist() == list(METHODS)
    by_hand = tables["outcomes"].query("variant == 'gradmax'")["value"].mean()
    printed = next(line for line in out.splitlines() if line.startswith("│ gradmax ") and "[" in line)
    assert f"{by_hand:.3f} [" in printed
    assert "0.094" in printed
    assert set(tables["differences"]["variant"]) == set(METHODS) - {"random"}
    assert set(tables["differences"]["control"]) == {"random"}
    assert "Mean of 6 students (2 teachers, 3 of each)" in words(out)
    assert "Fewer than 16 teachers show nothing." in words(out)


def test_the_same_command_prints_the_same_without_computing(cli: Smalti, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cli(*COMMAND)
    before = {path: path.stat().st_mtime_ns for path in Path("mine").iterdir()}
    monkeypatch.setattr(student_teacher, "run", None)
    assert cli(*COMMAND) == first
    assert {path: path.stat().st_mtime_ns for path in Path("mine").iterdir()} == before


def test_a_stopped_one_is_computed_anew(cli: Smalti) -> None:
    first = cli(*COMMAND)
    Path("mine/differences.parquet").unlink()
    assert cli(*COMMAND) == first


def test_other_settings_into_the_same_folder_are_refused(cli: Smalti) -> None:
    cli(*COMMAND)
    code, out, err = cli(*COMMAND, "--optimiser", "adam")
    assert (code, out) == (2, "")
    assert "this experiment with other settings (of optimiser)" in err


def test_a_picture_is_drawn_where_matplotlib_is_and_missed_where_not(
    cli: Smalti, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        assert cli(*COMMAND)[0] == 0
    assert not Path("mine/curves.svg").exists()
    assert cli(*COMMAND)[0] == 0
    picture = Path("mine/curves.svg").read_text()
    assert all(name in picture for name in METHODS)


def test_adam_has_no_published_values(cli: Smalti) -> None:
    _, out, _ = cli(*COMMAND, "--optimiser", "adam")
    assert "published" not in out
    assert set(pd.read_parquet("mine/outcomes.parquet")["setting"]) == {"adam"}


def test_without_out_the_next_free_folder_is_taken(cli: Smalti) -> None:
    for number in ("001", "002"):
        _, out, _ = cli(*COMMAND[:-2], "--quick")
        assert f"folder: runs/student-teacher-{number}" in out


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("mine.toml", "there is no file mine.toml; give one, or the name of an experiment that comes along: "),
        (
            "teacher-student",
            "there is no file teacher-student; give one, or the name of an experiment that comes along: ",
        ),
    ],
)
def test_other_subjects_are_refused_with_what_there_is(cli: Smalti, subject: str, message: str) -> None:
    code, _, err = cli("compare", subject, "--out", "mine")
    assert code == 2
    assert message in err
    assert not list(Path().iterdir())


def test_bad_options_get_an_error_and_leave_nothing(cli: Smalti) -> None:
    code, out, err = cli("compare", "student-teacher", "--teachers", "0", "--out", "mine")
    assert code != 0
    assert "teachers = 0 must be at least 1" in words(err)
    assert "Traceback" not in out + err
    assert not list(Path().iterdir())


def test_help_teaches(cli: Smalti) -> None:
    code, out, _ = cli("compare", "--help")
    assert code == 0
    for piece in ("student-teacher", "small > random > GradMax > big", "--teachers", "--quick", "summary.parquet"):
        assert piece in words(out)


def told(means: dict[str, float], width: float) -> str:
    rows = [{"variant": rule, "mean": mean, "low": mean - width, "high": mean + width} for rule, mean in means.items()]
    return caption(pd.DataFrame(rows), StudentTeacherOptions())


def test_the_caption_says_what_agrees_with_the_published_values() -> None:
    assert "gradmax > big holds. The published values" in told(PUBLISHED, 0.01)
    assert "lie inside the intervals." in told(PUBLISHED, 0.01)
    swapped = {**PUBLISHED, "gradmax": 0.25}
    assert "big does not hold." in told(swapped, 0.01)
    assert "lie outside the interval for gradmax." in told(swapped, 0.01)
    assert "Fewer" not in told(PUBLISHED, 0.01)


def test_outcomes_are_a_row_a_student_and_curves_one_a_step_too() -> None:
    losses = {"small": np.arange(0.0, 42.0).reshape(21, 2), "gradmax": np.arange(100.0, 142.0).reshape(21, 2)}
    last = long_table(losses, [-1], "sgd")
    assert last[["variant", "seed", "value"]].to_numpy().tolist() == [
        ["small", 0, 40.0],
        ["small", 1, 41.0],
        ["gradmax", 0, 140.0],
        ["gradmax", 1, 141.0],
    ]
    assert list(last.columns) == ["variant", "stream", "setting", "seed", "metric", "step", "value"]
    curves = long_table(losses, range(0, 21, 10), "adam")
    small = curves[curves["variant"] == "small"].pivot(index="step", columns="seed", values="value")
    np.testing.assert_array_equal(small.to_numpy(), losses["small"][[0, 10, 20]])
