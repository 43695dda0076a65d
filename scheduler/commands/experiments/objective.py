"""Which measures the runs of an experiment will have: an objective is looked at before anything runs."""

from __future__ import annotations

from operator import attrgetter

from smalti.analysis.outcomes import BY_SETTING, SPLITS
from smalti.analysis.quantities import METRICS, PARTS, SETTING_NAMES
from smalti.model.options.values import choices
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.experiments.plan import Experiment

OF_TWO_RUNS = ("steps_to_control", "compute_to_static")
OF_HIDDEN_BOUNDARIES = ("detected", "founded", "fired_again", "refounded", "delay", "false")
OF_FEEDBACK = ("found_within", "trials_to_find")
OF_SEVERAL_TASKS = ("forgetting", "backward_transfer", "forward_transfer")
ASKED = {"class": ("task", "class"), "task": ("task", "class"), "domain": ("domain",), "joint": ("joint",)}


def check_objective(name: str, experiment: Experiment) -> None:
    """Whether the runs of an experiment will have a measure of this name.

    Raises:
        ValueError: they will not, with what there is, or with the field that it needs.
    """
    settings = {f"{m}_{setting}_{split}": setting for m in BY_SETTING for setting in SETTING_NAMES for split in SPLITS}
    if name not in METRICS and name not in settings:
        raise ValueError(f"--objective {name} is no measure of a run; {choices(name, (*METRICS, *settings))}")
    if name in OF_TWO_RUNS:
        raise ValueError(f"--objective {name} compares two runs; take a measure of one, such as accuracy")
    for place in experiment.places():
        if lack := _lack(name, settings.get(name, ""), experiment, experiment.config(place)):
            raise ValueError(f"--objective {name} is not measured by {experiment.where(place)}: {lack}")


def _lack(name: str, setting: str, experiment: Experiment, config: Config) -> str:
    """The field that keeps runs from having a measure; empty where none does. What an axis varies is not looked at."""

    def fixed(field: str) -> object:
        return None if field in experiment.axis_fields else attrgetter(field)(config)

    stream = fixed("stream.setting")
    if setting and setting not in PARTS and isinstance(stream, str) and setting not in ASKED[stream]:
        return f"stream.setting = {stream!r} is asked in {' and '.join((*ASKED[stream], *PARTS))}"
    if name.startswith(OF_SEVERAL_TASKS) and stream == "joint":
        return "stream.setting = 'joint' has a single experience"
    if name in OF_HIDDEN_BOUNDARIES and fixed("stream.boundaries") == "told":
        return "stream.boundaries = 'told'; set it to 'hidden'"
    if name in OF_FEEDBACK and fixed("gating.belief.use") == "never":
        return "gating.belief.use = 'never'; set it to 'always'"
    if name == "accuracy_after" and fixed("training.validate") is False:
        return "training.validate = false; set it to true"
    return ""
