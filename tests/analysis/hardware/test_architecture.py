from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import pytest

from smalti.analysis.hardware.architecture import FILES, architecture

SOUND = """
name = "mine"
source = "measured"
[units]
energy = "fJ"
time = "us"
power = "mW"
[energy]
synaptic_operation = 500
[time]
step = 2
[power]
static = 3
"""


def written(place: Path, text: str) -> str:
    path = place / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_units_are_those_of_the_file(tmp_path: Path) -> None:
    read = architecture(written(tmp_path, SOUND))
    assert read.energy.synaptic_operation == pytest.approx(500e-15)
    assert read.time.step == pytest.approx(2e-6)
    assert read.power.static == pytest.approx(3e-3)
    assert math.isnan(read.energy.write)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("synaptic_operation", "synaptic_operatoin", r"mine\.toml: energy\.synaptic_operatoin is unknown.*synaptic_op"),
        ("static = 3", "idle = 3", r"power\.idle is unknown"),
        ('energy = "fJ"', "", r"units\.energy is missing; say which \[energy\] is in: J, mJ, uJ"),
        ('"us"', '"hours"', r"units\.time = 'hours' is unknown; say which \[time\] is in: s, ms"),
        ('"mW"', '"mJ"', r"units\.power = 'mJ' is unknown"),
        ("= 500", "= -500", r"energy\.synaptic_operation = -500\.0 must be 0 or more; leave it out"),
        ("= 500", "= inf", r"energy\.synaptic_operation = inf must be"),
        ("= 500", '= "500 pJ"', r"energy\.synaptic_operation = '500 pJ' must be a number"),
        ('source = "measured"', "", r"source is missing"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        architecture(written(tmp_path, SOUND.replace(old, new)))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"no architecture file lohi: give the path of one, or loihi or truenorth"):
        architecture("lohi")


PICOJOULES = {  # per event: Davies et al. 2018, table 2, hops the mean of both directions; Merolla et al. 2014
    "loihi": {
        "synaptic_operation": 23.6,
        "spike": 1.7,
        "hop_r1": (3.0 + 4.0) / 2,
        "hop_r0": (3.0 + 4.0) / 2,
        "membrane_update": 81,
        "write": 120,
    },
    "truenorth": {"synaptic_operation": 26},
}
NANOSECONDS = {
    "loihi": {
        "synaptic_operation": 3.5,
        "spike": 2.1,
        "hop_r1": (4.1 + 6.5) / 2,
        "hop_r0": (4.1 + 6.5) / 2,
        "membrane_update": 8.4,
        "write": 6.1,
    },
    "truenorth": {"step": 1e6},
}


@pytest.mark.parametrize("name", PICOJOULES)
def test_those_that_come_along_hold_the_published_numbers_and_nothing_else(name: str) -> None:
    read = architecture(name)
    for section, unit, published in ((read.energy, 1e-12, PICOJOULES), (read.time, 1e-9, NANOSECONDS)):
        said = {key: value / unit for key, value in asdict(section).items() if not math.isnan(value)}
        assert said == pytest.approx(published[name])
    assert math.isnan(read.power.static)
    assert "doi 10." in read.source


def test_the_power_of_truenorth_is_that_of_its_events() -> None:
    """A million neurons at 20 Hz with 128 active synapses each take about 70 mW."""
    joules = architecture("truenorth").energy.synaptic_operation
    assert joules * 2**20 * 20 * 128 == pytest.approx(0.07, rel=0.05)


def test_every_file_that_comes_along_can_be_read() -> None:
    assert len([architecture(str(path)) for path in sorted(FILES.glob("*.toml"))]) == 2
