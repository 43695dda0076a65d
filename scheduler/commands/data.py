"""``smalti data``: which streams there are, and what comes out of one."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console

from smalti.scheduler.streams import STREAMS, StreamOptions, load_stream

if TYPE_CHECKING:
    from smalti.scheduler.configuration.config import Config

COCHLEA = "cochlea"


@dataclass(frozen=True)
class Data:
    """List the data streams, or load one, check it and show what comes out.

    `smalti data` lists them: what each is, what it needs, where its files are published. `smalti data fsdd FILE` checks
    a file; `smalti data FILE` finds out what reads it, and plays the first rounds of a run to say what all would cost;
    `smalti data mnist --stream.transform rotated --stream.setting domain` shows the experiences that a run with
    these options would have on the default chip. None of these writes anything.

    `smalti data cochlea FSDD.zip OUT.h5` alone writes a file: it sends recordings of speech through a model of the
    inner ear (extra cochlea), --stream.shd.units channels of it, --stream.limit recordings of a digit; the stream shd
    reads it.

    Attributes:
        name: the stream; a file or folder: the stream that reads it; none: list all.
        path: its file or folder; short for --stream.path.
        out: of cochlea alone: the file to write.
        stream: as for `smalti run`; its name and path are overridden by those above.
    """

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="[NAME]")] = ""
    path: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="[PATH]")] = ""
    out: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="[OUT]")] = ""
    stream: StreamOptions = field(default_factory=StreamOptions)

    def execute(self) -> None:
        """Print the list, or the facts of one stream."""
        from smalti.scheduler.commands.printing import stream as data_view

        console = Console()
        if self.name == COCHLEA or self.out:
            self._cochlea(console)
            return
        if self._lists:
            console.print(data_view.overview())
            return
        from smalti.model.chip.fabric import Fabric, FabricOptions  # not above: the list need not wait for torch

        options = self._options()
        if options.name in STREAMS:
            console.print(data_view.facts(options.name), end="\n\n")
        fabric = Fabric(FabricOptions())
        wires = fabric.channels
        config = _config(options)
        stream = load_stream(config.stream, wires)
        console.print(data_view.summary(stream, wires))
        console.print(data_view.experiences(stream))
        console.print(data_view.pictures(stream))
        flags = " ".join(_flags(options))
        if self._guesses:
            from smalti.scheduler.commands.data_cost import cost

            console.print(cost(config, stream), highlight=False, markup=False, soft_wrap=True)
        console.print(f"next: smalti run {flags}", highlight=False, markup=False, soft_wrap=True)

    def _cochlea(self, console: Console) -> None:
        """Write spikes of speech."""
        from smalti.scheduler.commands import cochlea

        if self.name != COCHLEA or not self.out:
            raise ValueError(f"smalti data {COCHLEA} FSDD.zip OUT.h5 takes a file to write, and nothing else does")
        out = Path(os.path.expanduser(self.out))
        done = cochlea.convert(self.path, out, self.stream.shd.units, self.stream.limit, cochlea.lauscher())
        for number, count in done:
            console.print(f"{number} of {count} recordings", end="\r" if console.is_terminal else "\n", highlight=False)
        console.print(f"next: smalti data shd {shlex.quote(str(out))}", highlight=False, markup=False, soft_wrap=True)

    def _options(self) -> StreamOptions:
        """The options of the stream that is named, or that reads the file that is named instead."""
        if not self._guesses:
            return replace(self.stream, name=self.name or self.stream.name, path=self.path or self.stream.path)
        from smalti.scheduler.streams.survey import guess

        place = Path(os.path.expanduser(self.name))
        return replace(self.stream, name=guess.stream_of(place), path=str(place))

    @property
    def _guesses(self) -> bool:
        return self.name not in STREAMS and not self.path and Path(os.path.expanduser(self.name or " ")).exists()

    @property
    def _lists(self) -> bool:
        return not self.name and self.stream == StreamOptions()


def _config(options: StreamOptions) -> Config:
    """What a run with these options is configured as: the preset of the stream says what they leave as it is."""
    from smalti.scheduler.configuration.config_io import differences
    from smalti.scheduler.configuration.configure import configure

    changed = {"name": options.name, **differences(options, StreamOptions())}
    return configure({f"stream.{name}": value for name, value in changed.items()})


def _flags(options: StreamOptions) -> list[str]:
    """The options that are not defaults, as `smalti run` takes them."""
    from smalti.scheduler.configuration.config_io import differences

    changed = {"name": options.name, **differences(options, StreamOptions())}
    return [f"--stream.{name} {shlex.quote(str(value))}" for name, value in changed.items()]
