from __future__ import annotations

import json
from pathlib import Path

import pytest

from smalti.analysis import continual
from smalti.analysis.overview import resources
from smalti.analysis.runs import load_run
from smalti.analysis.sweeping import answer, measure


def test_numbers_are_those_of_the_other_readers(finished_run: Path) -> None:
    run, found = load_run(finished_run), measure(finished_run)
    for setting in ("class", "task"):
        for split in ("validation", "test"):
            theirs = continual.outcomes(run, setting, split)
            for ours, name in (("forgetting", "forgetting"), ("backward_transfer", "backward_transfer")):
                assert found[f"{ours}_{setting}_{split}"] == theirs[name]
            assert found[f"accuracy_{setting}_{split}"] == pytest.approx(theirs["accuracy"])  # tasks of one size
    spent = continual.outcomes(run, "class", "validation")
    for name in ("neurons", "wires", "links", "devices", "spikes_per_sample", "operations_per_sample", "seconds"):
        assert found[name] == spent[name]
    left = resources(run)
    assert (found["neurons"], found["wires"], found["born"]) == (left.neurons, left.wires, left.born)
    assert json.loads(json.dumps(found)) == found


def test_choices_are_made_by_validation_in_the_setting_of_the_stream(finished_run: Path) -> None:
    run, found = load_run(finished_run), measure(finished_run)
    assert answer(run) == run.config["stream"]["setting"] == "class"
    assert found["accuracy"] == found["accuracy_class_validation"]
