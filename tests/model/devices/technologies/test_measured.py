from __future__ import annotations

from pathlib import Path

import pytest
import torch

from smalti.model.devices.technologies.measured import read_curve

GOOD = "conductance,sigma,read\n1,0.2,0.01\n11,0.4,0.03\n\n21,0.4,0.03\n"


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sigma.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_are_linear_between_rows_and_the_ends_are_the_range(tmp_path: Path) -> None:
    curve = read_curve(file(tmp_path, GOOD))
    assert (curve.lowest, curve.highest) == (1, 21)
    target, draw = torch.tensor([[1.0, 6.0, 11.0, 21.0]] * 2), torch.ones(2, 4)
    error = curve.programmed(target, torch.full((4,), 20.0), draw) - target
    torch.testing.assert_close(error, torch.tensor([[0.2, 0.3, 0.4, 0.4]] * 2))
    reading = curve.reading(torch.tensor([[0.0, 3.5, 40.0]] * 2), torch.ones(3))
    torch.testing.assert_close(reading, torch.tensor([[0.01, 0.015, 0.03]] * 2))
    assert curve.drifted(target, target + 1, torch.ones(4), draw).equal(target + 1)


def test_read_noise_may_be_left_out(tmp_path: Path) -> None:
    curve = read_curve(file(tmp_path, "sigma, conductance\n.1, 0\n.2, 5\n"))
    assert curve.reading(torch.zeros(2, 1), torch.ones(1)) is None
    assert curve.sigma == (0.1, 0.2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conductance,sigma\n1,.2\n2,\n", "has '' for sigma in line 3: give a number of uS, 0 or more"),
        ("conductance,sigma\n1,.2\n2\n", "has 1 values in line 3, and 2 columns: fill the holes"),
        ("conductance,sigma\n1,nan\n2,.1\n", "has 'nan' for sigma in line 2"),
        ("conductance,sigma\n1,.2\n2,-1\n", "has '-1' for sigma in line 3"),
        ("conductance,sigma\n2,.2\n1,.1\n", "has 1.0 uS after 2.0 uS .*: sort it by conductance"),
        ("conductance,sigma\n1,.2\n", "has 1 rows: give 2 to"),
        ("g,sigma\n1,.2\n2,.3\n", "has the columns g, sigma: give conductance,sigma or"),
        ("", "has the columns none: give conductance,sigma"),
    ],
)
def test_files_that_are_not_whole_are_refused_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_curve(file(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"devices.measured = '.*none.csv' cannot be read"):
        read_curve(tmp_path / "none.csv")
