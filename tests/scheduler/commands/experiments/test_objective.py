from __future__ import annotations

from pathlib import Path

import pytest

from smalti.scheduler.commands.experiments.objective import check_objective
from smalti.scheduler.experiments.plan import Experiment
from smalti.scheduler.experiments.reading import load_experiment


def experiment(folder: Path, text: str) -> Experiment:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return load_experiment(file)


HIDDEN = 'seeds = 2\n[base.stream]\nboundaries = "hidden"\nsetting = "domain"\ntransform = "permuted"\n'
AXIS = '[axes]\n"stream.setting" = ["class", "joint"]\n'


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("seeds = 2\n", ("accuracy", "forgetting", "neurons", "accuracy_class_test", "accuracy_gate_validation")),
        (HIDDEN, ("detected", "delay", "accuracy_domain_validation", "backward_transfer")),
        (AXIS, ("forgetting", "accuracy_joint_validation", "accuracy_class_validation")),
        ("seeds = 2\n[base.training]\nvalidate = true\n", ("accuracy_after",)),
    ],
)
def test_what_runs_will_have(tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
    for name in names:
        check_objective(name, experiment(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("seeds = 2\n", "acuracy", "is no measure of a run; did you mean accuracy"),
        ("seeds = 2\n", "warnings", "is no measure of a run; allowed: accuracy"),
        ("seeds = 2\n", "accuracy_class", "is no measure of a run; did you mean accuracy_class"),
        ("seeds = 2\n", "steps_to_control", "compares two runs"),
        ("seeds = 2\n", "accuracy_joint_validation", "stream.setting = 'class' is asked in task and class and experts"),
        ("seeds = 2\n", "delay", "stream.boundaries = 'told'; set it to 'hidden'"),
        ("seeds = 2\n", "accuracy_after", "training.validate = false; set it to true"),
        ('seeds = 2\n[base.stream]\nsetting = "joint"\n', "forgetting", "'joint' has a single experience"),
        ('[streams.a]\n[streams.b.stream]\nsetting = "joint"\n', "accuracy_task_test", "stream 'b': stream.setting ="),
    ],
)
def test_what_they_will_not_have_is_refused_before_anything_runs(
    tmp_path: Path, text: str, name: str, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^--objective {name} .*{message}"):
        check_objective(name, experiment(tmp_path, text))
