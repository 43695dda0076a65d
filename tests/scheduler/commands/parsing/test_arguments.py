from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from smalti.model.kinds import KindOptions
from smalti.scheduler.cli import parse
from smalti.scheduler.commands.experiments.sweep import Sweep
from smalti.scheduler.commands.parsing.arguments import normal, options_of
from smalti.scheduler.commands.parsing.common_options import COMMON, common_options
from smalti.scheduler.commands.run import Run
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import flatten

Smalti = Callable[..., tuple[int, str, str]]


def test_options_are_the_fields_of_the_configuration_and_those_of_the_command() -> None:
    assert options_of(Run).keys() == {*flatten(Config()), "seed", "out", "quick", "report"}
    assert "experiment" not in options_of(Sweep)


@pytest.mark.parametrize(
    ("given", "settled"),
    [
        (["--quick"], ["--quick"]),
        (["--run.quick", "True", "--seed", "3"], ["--run.quick", "--seed", "3"]),
        (["--run.quick", "false"], ["--run.no-quick"]),
        (["--gating.protect=False", "--quick=true"], ["--gating.no-protect", "--quick"]),
        (["--report", "False"], ["--no-report"]),
        (["--no-report"], ["--no-report"]),
        (["--gating.no_protect"], ["--gating.no_protect"]),
        (["my.toml", "--stream.hold-out", "a", "--stream.hold_out", "b"], None),
        (["--help", "-h"], None),
    ],
)
def test_truth_values_in_every_spelling(given: list[str], settled: list[str] | None) -> None:
    assert normal(options_of(Run), "smalti run", given) == (given if settled is None else settled)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--growth.ruel", "random"], "smalti run has no option --growth.ruel; did you mean --growth.rule"),
        (["run", "--rounds", "3"], "did you mean --training.rounds?"),
        (["run", "--settings.training.rounds", "3"], "did you mean --training.rounds?"),
        (["run", "--growth.reach", "neighbors"], "growth.reach = 'neighbors' is unknown; did you mean neighbours?"),
        (["run", "--growth.rule", "radom"], "did you mean random?"),
        (["run", "--seed", "x"], "seed = 'x' must be a whole number"),
        (["run", "--training.learning_rate", "fast"], "training.learning_rate = 'fast' must be a number"),
        (["run", "--seed"], "--seed stands without a value; give it a whole number"),
        (["run", "--network.kinds.slow.tau_ms", "3"], "name new kinds of neurons in a file, [network.kinds.NAME]"),
        (["run", "--devices.ages", "10", "1"], "devices.ages = [10.0, 1.0] must be seconds, ascending"),
        (["run", "--devices.ages=nan"], "devices.ages[0] = nan never equals anything; give a number"),
        (["run", "--devices.copies", "2", "--devices.ages"], "devices.ages, which are empty: give one age"),
        (["run", "--training.restarts", "5", "x", "--quick"], "training.restarts = 'x' must be a whole number"),
        (["run", "--gating.stages.networks", "--seed", "3"], "name one gating network at least"),
        (["run", "--faults.at_round", "99", "--faults.row_share", ".1", "--quick"], "29, as run.quick shrank it, is"),
        (["run", "--faults.tile_share", "1"], "or of the dead tiles of [faults]"),
        (["run", "--out"], "--out stands without a value; give it a path"),
        (["run", "--quick=x"], "quick = 'x' must be true or false"),
        (["run", "--gating.protect", "none"], "error: gating.protect = 'none' must be true or false"),
        (["run", "--gating.protect", "none", "--seed", "1"], "gating.protect = 'none' must be true or false"),
        (["run", "--gating.no-protect", "none"], "--gating.no-protect takes no value, and is given 'none'"),
        (["run", "--gating.no-protect", "true"], "--gating.no-protect takes no value, and is given 'true'"),
        (["run", "--gating.no_protect=x"], "--gating.no_protect takes no value, and is given 'x'"),
        (["run", "--run.quick", "my.toml"], "my.toml stands after options; give the configuration file first"),
        (["resume", "x", "--reprot"], "smalti resume has no option --reprot; did you mean --report?"),
        (["benchmark", "continual", "--methods", "naive"], "did you mean --variants?"),
        (["benchmark", "continual", "--variants", "naiv"], "did you mean naive?"),
        (["sweep", "x", "--backend", "lcal"], "backend = 'lcal' is unknown; did you mean local?"),
        (["sweep", "x", "--direction", "max"], "allowed: maximize, minimize"),
        (["benchmark", "continual", "--seeds", "-1"], "--seeds -1 must be at least 1"),
        (["benchmark", "continual", "--variants", "--dry-run"], "--variants stands without a value; give it a name"),
        (["benchmark", "continual", "--streams"], "--streams stands without a value; give it a name"),
        (["benchmark", "continual", "--seeds", "0", "--dry-run"], "--seeds 0"),
        (["export", "grap", "RUN"], "there is no 'grap'; did you mean graph? allowed: nir, graph, chip"),
        (["compare", "grwth"], "did you mean growth?"),
        (["shwo"], "did you mean show?"),
        (
            ["map", "net.nir", "--faults.map", "chip.csv"],
            "smalti map has no option --faults.map; write it into a configuration file, [faults] map = ..., and give "
            "that: --config FILE",
        ),
        (["show", "nowhere", "--table", "x"], "nowhere is no run folder"),
    ],
)
def test_mistakes_are_answered_in_plain_words(cli: Smalti, arguments: list[str], message: str) -> None:
    code, out, err = cli(*arguments)
    assert code == 2
    assert message in " ".join(err.split())
    assert len(err.splitlines()) == 1
    for internal in ("settings", "tyro", "Traceback", "int()", "argparse", "Literal"):
        assert internal not in (out + err).replace("--settings", "")
    assert not list(Path().iterdir())


def test_a_kind_that_the_file_names_can_be_changed(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[network.kinds.slow]\nsynapse_ms = 10\n", encoding="utf-8")
    command = cast("Run", parse(["run", str(file), "--network.kinds.slow.synapse-ms", "5", "--seed", "3"]))
    assert command.settings.network.kinds == {"slow": KindOptions(synapse_ms=5.0)}
    with pytest.raises(ValueError, match=r"network\.kinds\.slow\.tau_ms = -1\.0 must be a positive number"):
        parse(["run", str(file), "--network.kinds.slow.tau_ms=-1"])


def test_the_control_that_is_added_is_named(cli: Smalti) -> None:
    code, out, _ = cli("benchmark", "continual", "--variants", "naive", "--streams", "digits", "--dry-run", "--quick")
    assert code == 0
    assert "added, to compare with: grown" in out


def test_the_short_help_tells_the_truth() -> None:
    defaults = {
        **{name: str(value) for name, value in flatten(Config()).items()},
        "seed": "0",
        "out": "",
        "quick": "False",
    }
    defaults["report"] = "True"
    told = common_options()
    for name, (default, _) in COMMON.items():
        assert name in options_of(Run)
        assert defaults[name] == default
        assert f"--{name} " in told
