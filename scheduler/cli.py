"""The command line. Only this module and ``scheduler.commands`` may reach up to ``analysis``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import tyro
from rich.console import Console

from smalti.scheduler.commands.benchmark import RunBenchmark
from smalti.scheduler.commands.compare import Compare
from smalti.scheduler.commands.dashboard import Dashboard
from smalti.scheduler.commands.data import Data
from smalti.scheduler.commands.init import Init
from smalti.scheduler.commands.report import Report
from smalti.scheduler.commands.resume import Resume
from smalti.scheduler.commands.run import Run
from smalti.scheduler.commands.show import Show
from smalti.scheduler.commands.sweep import Sweep
from smalti.scheduler.config import Config
from smalti.scheduler.config_io import load
from smalti.scheduler.old_names import renewed_arguments

Command = Compare | Dashboard | Data | Init | Report | Resume | Run | RunBenchmark | Show | Sweep
COMMANDS: dict[str, type[Command]] = {
    "run": Run,
    "resume": Resume,
    "show": Show,
    "report": Report,
    "init": Init,
    "data": Data,
    "sweep": Sweep,
    "compare": Compare,
    "benchmark": RunBenchmark,
    "dashboard": Dashboard,
}
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``smalti``; returns the exit code: 0, 1 for a failure, 2 for something the user can mend."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    errors = Console(stderr=True)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = partial(_print_warning, errors)
            parse(arguments).execute()
    except KeyboardInterrupt as stopped:
        advice = str(stopped) or "`smalti resume RUN` goes on from the last finished round"
        errors.print(f"\nstopped; {advice}", markup=False, highlight=False, soft_wrap=True)
        return INTERRUPTED
    except BrokenPipeError:
        return 1
    except (ValueError, OSError) as error:
        errors.print(f"[bold red]error:[/] {_one_line(error)}", soft_wrap=True, highlight=False)
        return 2
    except FloatingPointError as error:
        errors.print(f"[bold red]error:[/] {_one_line(error)}", soft_wrap=True, highlight=False)
        return 1
    return 0


def parse(arguments: list[str]) -> Command:
    """Read the command line; a configuration file given to ``run`` provides the defaults of all options."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name not in COMMANDS:
        return _overview(arguments)
    if name == "run":
        return _run(rest)
    return tyro.cli(COMMANDS[name], prog=f"smalti {name}", args=rest)


def _run(arguments: list[str]) -> Run:
    arguments = renewed_arguments(arguments)
    file = Path(arguments[0]) if arguments and not arguments[0].startswith("-") else None
    default = Run(settings=load(Config, file) if file else Config())
    spelled_out = (tyro.conf.FlagConversionOff,)  # --run.quick True, as in the file
    command = tyro.cli(Run, prog="smalti run", args=arguments, default=default, config=spelled_out)
    if command.config_file != file:
        raise ValueError(f"{command.config_file} stands after options; give the configuration file first")
    return command


def _overview(arguments: list[str]) -> Command:
    """Help on the commands, or the error for a command that does not exist."""
    command = tyro.extras.subcommand_cli_from_dict(
        dict[str, Callable[..., object]](COMMANDS),
        prog="smalti",
        description="Grow a spiking network on a tiled chip, task after task. Start with `smalti run`.",
        args=arguments or ["--help"],
    )
    return cast(Command, command)


def _print_warning(errors: Console, message: Warning | str, *_: object) -> None:
    errors.print(f"[bold yellow]warning:[/] {_one_line(message)}", soft_wrap=True, highlight=False)


def _one_line(error: Exception | str) -> str:
    return " ".join(str(error).split()).replace("[", r"\[")


if __name__ == "__main__":
    sys.exit(main())
