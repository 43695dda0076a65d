"""The command line. Only this module and ``scheduler.commands`` may reach up to ``analysis``."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from functools import partial
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from signal import SIGTERM
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, cast

import smalti

if TYPE_CHECKING:
    from rich.console import Console

    from smalti.scheduler.commands.run import Run

INTERRUPTED = 130
IMPORT, IMPORTS, STREAM, ALL = "--import", "--run.imports", "--stream.name", "--help-all"
COMPLETION, SHELLS = ("--completion", "--tyro-print-completion"), ("bash", "zsh")
OPTIONS = ("--help", "--version", IMPORT, COMPLETION[0])
FIELDS = ("run", "data")  # commands that take fields of the configuration, spelled as in its file


class Command(Protocol):
    """What a command line asks for."""

    def execute(self) -> None:
        """Do it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``smalti``.

    Returns:
        The exit code: 0; 1 for a failure; 2 for something the user can mend; 130 after Ctrl-C, 143 after SIGTERM.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:  # all imports stand below: one that is interrupted prints no traceback
        from smalti.scheduler.commands.printing.terminal import any_encoding
        from smalti.scheduler.commands.stopping import stoppable

        with stoppable() as stop, any_encoding():
            try:
                _execute(arguments)
            except (Exception, KeyboardInterrupt) as error:
                from rich.console import Console

                from smalti.scheduler.commands.failures import tell

                return tell(error, stop, Console(stderr=True))
            return stop.code if stop.signal == SIGTERM else 0
    except KeyboardInterrupt:
        return INTERRUPTED


def _execute(arguments: list[str]) -> None:
    from rich.console import Console

    with warnings.catch_warnings():
        warnings.showwarning = partial(_print_warning, Console(stderr=True), set())
        parse(arguments).execute()
    sys.stdout.flush()  # here: a full disk or a reader that has left is told of like everything else


def parse(arguments: list[str]) -> Command:
    """Read the command line; only the module of the command that is asked for is imported.

    A configuration file given to ``run`` provides the defaults of all options.

    Raises:
        ValueError: for a plug-in that cannot be imported, a configuration file that cannot be read, or an option or
            value that there is not.
    """
    from smalti.scheduler.commands.parsing.overview import ENTRIES
    from smalti.scheduler.configuration import plugins

    named, arguments = _imports(arguments)
    plugins.ask(named)
    name, rest = (arguments[0], arguments[1:]) if arguments else ("--help", [])
    if name not in ENTRIES:
        _leave(name, rest)
    if ENTRIES[name].simulates and not {"-h", "--help", ALL} & {*rest}:
        import mesa  # noqa: F401  # now, for it reads the source of every module that is there, as torch's
    if name == "run":
        return _run(rest)
    command = command_of(name)
    if not rest and all({f.default, f.default_factory} != {MISSING} for f in fields(command)):
        return cast(Command, command())  # nothing to read
    from smalti.scheduler.commands.parsing.arguments import (
        read,  # not above: whoever asks for nothing special need not wait
    )

    return cast(Command, read(command, f"smalti {name}", rest, use_underscores=name in FIELDS))


def command_of(name: str) -> type[Any]:
    """The class of a command."""
    from smalti.scheduler.commands.parsing.overview import ENTRIES

    entry = ENTRIES[name]
    return cast("type[Any]", getattr(import_module(f"smalti.scheduler.commands.{entry.module}"), entry.name))


def _imports(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Plug-ins named before the command, and the arguments without them."""
    named, rest = [], list(arguments)
    while rest and rest[0].split("=")[0] == IMPORT:
        option = rest.pop(0)
        if "=" not in option and not rest:
            raise ValueError(f"{IMPORT} stands without a module; name one, such as {IMPORT} mylab")
        named += (option.partition("=")[2] if "=" in option else rest.pop(0)).split(",")
    return named, rest


def _leave(word: str, rest: list[str]) -> NoReturn:
    """Say what was asked for instead of a command, or that there is no such command."""
    from smalti.scheduler.commands.parsing.overview import ENTRIES, overview

    if word in ("-h", "--help"):
        print(overview())
    elif word == "--version":
        print(f"smalti {smalti.__version__}")
    elif word in COMPLETION:
        _complete(rest)
    else:
        from smalti.model.options.values import choices

        kind, names = ("option", OPTIONS) if word.startswith("-") else ("command", (*ENTRIES,))
        print(f"smalti: there is no {kind} {word}; {choices(word, names)} (smalti --help)", file=sys.stderr)
        raise SystemExit(2)
    sys.stdout.flush()
    raise SystemExit(0)


def _complete(shells: list[str]) -> None:
    """Print what a shell needs to complete the command line."""
    if len(shells) != 1 or shells[0] not in SHELLS:
        raise ValueError(f"{COMPLETION[0]} needs the name of a shell: {', '.join(SHELLS)}")
    import tyro

    from smalti.scheduler.commands.parsing.overview import ENTRIES

    commands: dict[str, Callable[..., Any]] = {name: command_of(name) for name in ENTRIES}
    tyro.extras.subcommand_cli_from_dict(commands, prog="smalti", args=[COMPLETION[1], *shells], use_underscores=True)


def _run(arguments: list[str]) -> Run:
    if {"-h", "--help"} & {*arguments}:
        from smalti.scheduler.commands.parsing.common_options import common_options

        print(common_options())
        sys.stdout.flush()
        raise SystemExit(0)
    from smalti.scheduler.commands.parsing.arguments import check_settings, options_of, read
    from smalti.scheduler.commands.run import Run
    from smalti.scheduler.configuration import plugins
    from smalti.scheduler.configuration.config import Config
    from smalti.scheduler.configuration.config_io import from_mapping, load
    from smalti.scheduler.configuration.old_names import renewed_arguments
    from smalti.scheduler.streams import STREAMS

    arguments = renewed_arguments(arguments)
    file = Path(os.path.expanduser(arguments[0])) if arguments and not arguments[0].startswith("-") else None
    plugins.load(_values(IMPORTS, arguments))  # now: what follows may use their names
    streams = [name for name in _values(STREAM, arguments) if name in STREAMS]  # they may have presets
    named = {"stream": {"name": streams[-1]}} if streams else {}
    default = Run(settings=load(Config, file, named) if file else from_mapping(Config, named))
    text = described(Run) if ALL in arguments else None
    arguments = ["--help" if argument == ALL else argument for argument in arguments]
    check_settings(default.settings, options_of(Run, settings=default), "smalti run", arguments)
    command = cast("Run", read(Run, "smalti run", arguments, default=default, description=text, use_underscores=True))
    if command.config_file != file:
        raise ValueError(f"{command.config_file} stands after options; give the configuration file first")
    return command


def described(command: type[Run]) -> str:
    """What a command does, and the names that may be given to it: those that plug-ins added are among them."""
    from smalti.scheduler.configuration.registries import REGISTRIES

    text = inspect.cleandoc(command.__doc__ or "").partition("Attributes:")[0].strip()
    names = [f"{field}: {', '.join(entries)}." for field, entries in REGISTRIES.items()]
    return "\n\n".join([text, "Names that may be given, those of your own modules (--import) among them:", *names])


def _values(option: str, arguments: list[str]) -> list[str]:
    """What an option is given on the command line, after a space or an equals sign."""
    if option not in arguments:
        return [word.partition("=")[2] for word in arguments if word.startswith(f"{option}=")]
    return list(takewhile(lambda word: not word.startswith("-"), arguments[arguments.index(option) + 1 :]))


def _print_warning(errors: Console, said: set[str], message: Warning | str, *_: object) -> None:
    """Print a warning, once: a run that is looked at again at its end has the same."""
    from rich.markup import escape

    text = escape(" ".join(str(message).split()))
    if text not in said:
        said.add(text)
        errors.print(f"[bold yellow]warning:[/] {text}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
