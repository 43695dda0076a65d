"""Marks in terminals that do not know them: one of ASCII takes the place of each, so that tables stay straight."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

MARKS = dict(zip("●■·…×→±≥≤", "o#..x>~><", strict=True)) | {  # noqa: RUF001
    "\u2013": "-",  # dashes
    "\u2014": "-",
    "\u2018": "'",  # quotation marks
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
}
BOXES = {**dict.fromkeys("─━═╌╍╴╶╸╺", "-"), **dict.fromkeys("│┃║╎╏╵╷", "|")}  # all other characters of boxes: +
BOX, BLOCKS = range(0x2500, 0x2580), range(0x2580, 0x25A0)
NAME = "smalti.marks"


def replaced(error: UnicodeError) -> tuple[str, int]:
    """Handler of the codecs: what stands for characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_mark, error.object[error.start : error.end])), error.end


def _mark(character: str) -> str:
    if character in MARKS or character in BOXES:
        return MARKS.get(character) or BOXES[character]
    return "+" if ord(character) in BOX else "#" if ord(character) in BLOCKS else "?"


@contextmanager
def any_encoding() -> Iterator[None]:
    """Meanwhile anything can be printed, whatever the encoding of the terminal."""
    codecs.register_error(NAME, replaced)
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, TextIOWrapper)]
    before = [stream.errors for stream in streams]
    try:
        for stream in streams:
            stream.reconfigure(errors=NAME)
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            if not stream.closed:
                stream.reconfigure(errors=errors)
