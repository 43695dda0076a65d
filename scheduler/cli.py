"""The command line. Only this module and ``scheduler.commands`` may reach up to ``analysis``."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Sequence
from dataclasses import MISSING, fields
from functools import partial
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from rich.console import Console

import smalti
from smalti.scheduler import plugins
from smalti.scheduler.commands.overview import ENTRIES, overview

if TYPE_CHECKING:
    from smalti.scheduler.commands.run import Run

INTERRUPTED = 130
IMPORT, IMPORTS = "--import", "--run.imports"


class Command(Protocol):
    """What a command line asks for."""

    def execute(self) -> None:
        """Do it."""


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
    """Read the command line; only the module of the command that is asked for is imported.

    A configuration file given to ``run`` provides the defaults of all options.

    Raises:
        ValueError: for a plug-in that cannot be imported, or a configuration file that cannot be read.
    """
    named, arguments = _imports(arguments)
    plugins.ask(named)
    name, rest = (arguments[0], arguments[1:]) if arguments else ("--help", [])
    if name not in ENTRIES:
        _leave(name)
    entry = ENTRIES[name]
    command = getattr(import_module(f"smalti.scheduler.commands.{entry.module}"), entry.name)
    if name == "run":
        return _run(rest)
    if not rest and all({f.default, f.default_factory} != {MISSING} for f in fields(command)):
        return cast(Command, command())  # nothing to read
    import tyro  # not above: whoever asks for nothing special need not wait for it

    return cast(Command, tyro.cli(command, prog=f"smalti {name}", args=rest))


def _imports(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Plug-ins named before the command, and the arguments without them."""
    named, rest = [], list(arguments)
    while rest and rest[0].split("=")[0] == IMPORT:
        option = rest.pop(0)
        if "=" not in option and not rest:
            raise ValueError(f"{IMPORT} stands without a module; name one, such as {IMPORT} mylab")
        named += (option.partition("=")[2] if "=" in option else rest.pop(0)).split(",")
    return named, rest


def _leave(word: str) -> NoReturn:
    """Say what was asked for instead of a command, or that there is no such command."""
    if word in ("-h", "--help"):
        print(overview())
    elif word == "--version":
        print(f"smalti {smalti.__version__}")
    else:
        from smalti.model.option_values import choices

        kind = "option" if word.startswith("-") else "command"
        print(f"smalti: there is no {kind} {word}; {choices(word, ENTRIES)} (smalti --help)", file=sys.stderr)
        raise SystemExit(2)
    raise SystemExit(0)


def _run(arguments: list[str]) -> Run:
    import tyro

    from smalti.scheduler.commands.run import Run
    from smalti.scheduler.config import Config
    from smalti.scheduler.config_io import load
    from smalti.scheduler.old_names import renewed_arguments

    arguments = renewed_arguments(arguments)
    file = Path(arguments[0]) if arguments and not arguments[0].startswith("-") else None
    plugins.load(_values(IMPORTS, arguments))  # now: what follows may use their names
    default = Run(settings=load(Config, file) if file else Config())
    spelled_out = (tyro.conf.FlagConversionOff,)  # --run.quick True, as in the file
    text = described(Run) if {"-h", "--help"} & {*arguments} else None
    command = tyro.cli(Run, prog="smalti run", args=arguments, default=default, config=spelled_out, description=text)
    if command.config_file != file:
        raise ValueError(f"{command.config_file} stands after options; give the configuration file first")
    return command


def described(command: type[Run]) -> str:
    """What a command does, and the names that may be given to it: those that plug-ins added are among them."""
    from smalti.scheduler.registries import REGISTRIES

    text = inspect.cleandoc(command.__doc__ or "").partition("Attributes:")[0].strip()
    names = [f"{field}: {', '.join(entries)}." for field, entries in REGISTRIES.items()]
    return "\n\n".join([text, "Names that may be given, those of your own modules (--import) among them:", *names])


def _values(option: str, arguments: list[str]) -> list[str]:
    """What an option is given on the command line, after a space or an equals sign."""
    if option not in arguments:
        return [word.partition("=")[2] for word in arguments if word.startswith(f"{option}=")]
    return list(takewhile(lambda word: not word.startswith("-"), arguments[arguments.index(option) + 1 :]))


def _print_warning(errors: Console, message: Warning | str, *_: object) -> None:
    errors.print(f"[bold yellow]warning:[/] {_one_line(message)}", soft_wrap=True, highlight=False)


def _one_line(error: Exception | str) -> str:
    return " ".join(str(error).split()).replace("[", r"\[")


if __name__ == "__main__":
    sys.exit(main())
