"""Arguments of a command before tyro reads them: truth values in either spelling, and errors in this project's words.

``--run.quick``, ``--run.quick True`` and ``--run.quick=true`` are the same, as are underscores and hyphens.
"""

from __future__ import annotations

import difflib
import os
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import tyro

from smalti.model.options.values import PLAIN, class_of_named, convert, dotted
from smalti.scheduler.configuration.config_io import flatten, from_mapping, nested

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

TRUTHS = {"true": True, "false": False}
ALWAYS = ("help", "tyro_print_completion", "tyro_write_completion")  # every command has these
MEANT = {"methods": "variants", "method": "variants", "rules": "variants", "output": "out", "lr": "learning_rate"}
IN_FILES = "network.kinds"  # whose sections have names that only a file can give
POSITIONAL: Any = typing.get_args(tyro.conf.Positional[int])[1]
NAMED: Any = type(tyro.conf.arg())


def read(command: type[Any], prog: str, arguments: Sequence[str], **how: Any) -> Any:
    """The command of this class that the arguments ask for; ``~`` in paths is the home folder.

    Args:
        command: a dataclass, as tyro reads it.
        prog: how it is called, such as ``smalti run``.
        arguments: what follows that.
        how: more for ``tyro.cli``.

    Raises:
        ValueError: an option that there is not, or a value that it cannot have.
        SystemExit: after help, or for what else tyro refuses.
    """
    _check_choice(command, prog, arguments)
    registry = tyro.constructors.ConstructorRegistry()
    registry.primitive_rule(_path)
    settled = normal(options_of(command, settings=how.get("default")), prog, arguments)
    return tyro.cli(command, prog=prog, args=settled, registry=registry, **how)


def _check_choice(command: type[Any], prog: str, arguments: Sequence[str]) -> None:
    """Whether the first word is one of those that a command takes there, where it names them.

    Raises:
        ValueError: it is not.
    """
    hints = typing.get_type_hints(command, include_extras=True)
    first = next((hints[f.name] for f in fields(command) if POSITIONAL in typing.get_args(hints[f.name])), None)
    kind = typing.get_args(first)[0] if first is not None else None
    if typing.get_origin(kind) is not Literal or not arguments or arguments[0].startswith("-"):
        return
    word, allowed = arguments[0], [str(choice) for choice in typing.get_args(kind)]
    if word not in allowed:
        close = difflib.get_close_matches(word, allowed, 1)
        meant = f"did you mean {close[0]}? " if close else ""
        raise ValueError(f"{prog}: there is no {word!r}; {meant}allowed: {', '.join(allowed)}")


def check_settings(settings: T, options: Mapping[str, Any], prog: str, arguments: Sequence[str]) -> None:
    """Whether the configuration that arguments ask for can be: its own words say what cannot, not tyro's.

    Args:
        settings: what is changed by them.
        options: names and annotations, as ``options_of`` gives them.
        prog, arguments: as for ``read``.

    Raises:
        ValueError: as the classes of the options refuse a value. Where lists of lists are given, tyro is left to ask
            them.
    """
    flat, words = flatten(settings), normal(options, prog, arguments)
    while words:
        option, equals, value = words.pop(0).partition("=")
        name = option.removeprefix("--").replace("-", "_")
        kind = options.get(name)
        if _positive(name) in flat:
            flat[_positive(name)] = False
        elif name in flat and option.startswith("--"):
            if typing.get_origin(kind) is tuple:
                each, *more = typing.get_args(kind)
                if more != [...] or typing.get_origin(each) is tuple:
                    return
                texts = [value] if equals else []
                while not equals and words and not words[0].startswith("--"):
                    texts.append(words.pop(0))
                for text in texts:
                    _check(each, text, name)
                flat[name] = [_value(each, text) for text in texts]
            else:
                flat[name] = True if kind is bool else _value(kind, value if equals else words.pop(0) if words else "")
    from_mapping(type(settings), nested(flat))


def _value(kind: Any, text: str) -> object:
    """The text of a single value, read."""
    if typing.get_origin(kind) is Literal:
        return next((choice for choice in typing.get_args(kind) if str(choice) == text), text)
    return kind(text) if kind in (int, float) else text


def _path(info: tyro.constructors.PrimitiveTypeInfo) -> tyro.constructors.PrimitiveConstructorSpec[Path] | None:
    if info.type is not Path:
        return None
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH",
        instance_from_str=lambda words: Path(os.path.expanduser(words[0])),
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda path: [str(path)],
    )


def options_of(command: type[Any], prefix: str = "", settings: object = None) -> dict[str, Any]:
    """Options of a command, with underscores: dotted name -> annotation.

    Args:
        command: its class.
        prefix: what their names begin with.
        settings: an instance of it, whose mappings have sections by name; without one there are none.
    """
    hints, found = typing.get_type_hints(command, include_extras=True), dict[str, Any]()
    for field in fields(command):
        hint = hints[field.name]
        kind, *marks = typing.get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
        if POSITIONAL in marks or not field.init:
            continue
        name = next((mark.name for mark in marks if isinstance(mark, NAMED) and mark.name is not None), field.name)
        where, value = dotted(prefix, name) if name else prefix, getattr(settings, field.name, None)
        if is_dataclass(kind):
            found |= options_of(typing.cast("type[Any]", kind), where, value)
        elif (named := class_of_named(kind)) is not None:
            for section, part in value.items() if isinstance(value, Mapping) else ():
                found |= options_of(named, dotted(where, section), part)
        else:
            found[dotted(prefix, name)] = kind
    return found


def normal(options: Mapping[str, Any], prog: str, arguments: Sequence[str]) -> list[str]:
    """The arguments as tyro takes them: truth values are flags.

    Raises:
        ValueError: as ``read``.
    """
    new, left = list[str](), list(arguments)
    while left:
        word = left.pop(0)
        option, equals, value = word.partition("=")
        name = option.removeprefix("--").replace("-", "_")
        if not option.startswith("--") or name in ALWAYS:
            new.append(word)
            continue
        if name not in options:
            denied = options.get(_positive(name)) is bool
            if denied and (value or ("." in name and left and (left[0].lower() in TRUTHS or _no_truth(left[0])))):
                raise ValueError(f"{option} takes no value, and is given {value or left[0]!r}: it says false by itself")
            if not denied or equals:
                raise ValueError(
                    f"{prog} has no option {option}{_instead(name, options)} ({prog} --help says which there are)"
                )
            new.append(word)
        elif options[name] is bool:
            if not equals and "." in name and left and _no_truth(left[0]):
                raise ValueError(f"{name} = {left[0]!r} must be true or false")
            given = value if equals else left.pop(0) if left and left[0].lower() in TRUTHS else "true"
            if given.lower() not in TRUTHS:
                raise ValueError(f"{name} = {given!r} must be true or false")
            new.append(option if TRUTHS[given.lower()] else f"--{_negative(name)}")
        else:
            nothing = not equals and (not left or (left[0].startswith("--") and left[0] != "--"))
            if nothing and not (typing.get_origin(options[name]) is tuple and "." in name):  # those may be emptied
                raise ValueError(f"{option} stands without a value; give it {_wanted(options[name])}, or leave it out")
            _check(options[name], value if equals else left[0] if left else "", name)
            new.append(word)
    return new


def _no_truth(word: str) -> bool:
    """Whether a word behind a truth value is meant to be its value, and is none: neither an option nor a file."""
    return not word.startswith("-") and word.lower() not in TRUTHS and not Path(word).suffix and not Path(word).exists()


def _check(kind: Any, text: str, name: str) -> None:
    """Whether the text of a single value can be read.

    Raises:
        ValueError: it cannot, with what is allowed.
    """
    kinds = [k for k in typing.get_args(kind) if k is not type(None)]
    if len(kinds) == 1 and type(None) in typing.get_args(kind):
        kind = kinds[0]
    if typing.get_origin(kind) is Literal:
        convert(kind, next((c for c in typing.get_args(kind) if str(c) == text), text), name)
    elif kind in (int, float):
        try:
            kind(text)
        except ValueError:
            raise ValueError(f"{name} = {text!r} must be {PLAIN[kind]}") from None


def _positive(name: str) -> str:
    """The option that ``no_`` before its last part denies."""
    section, dot, last = name.rpartition(".")
    return f"{section}{dot}{last.removeprefix('no_')}" if last.startswith("no_") else ""


def _negative(name: str) -> str:
    section, dot, last = name.rpartition(".")
    return f"{section}{dot}no-{last}"


def _instead(name: str, options: Iterable[str]) -> str:
    """What may have been meant: the same last part, or letters that are nearly the same."""
    if name.startswith(f"{IN_FILES}."):
        return f"; name new kinds of neurons in a file, [{IN_FILES}.NAME]: options change those that the file has"
    from smalti.scheduler.configuration.config import Config  # not above: whoever makes no mistake need not wait

    if "config" in options and name in flatten(Config()):
        section, _, field = name.rpartition(".")
        return f"; write it into a configuration file, [{section}] {field} = ..., and give that: --config FILE"
    last = name.rpartition(".")[2]
    same = [option for option in options if option.rpartition(".")[2] in (last, MEANT.get(last))]
    close = same or difflib.get_close_matches(name, list(options), n=3, cutoff=0.7)
    return f"; did you mean {' or '.join(f'--{option}' for option in close[:3])}?" if close else ""


def _wanted(kind: Any) -> str:
    kinds = [k for k in typing.get_args(kind) if k is not type(None)]
    plain = kinds[0] if len(kinds) == 1 and typing.get_origin(kind) is not Literal else kind
    if typing.get_origin(plain) is Literal:
        return f"one of {', '.join(map(str, typing.get_args(plain)))}"
    return {Path: "a path", str: "a text", tuple[str, ...]: "a name"}.get(plain, PLAIN.get(plain, "a value"))
