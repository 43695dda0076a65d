"""What ``smalti data`` prints: the list of streams, and the sizes and looks of a loaded one."""

from __future__ import annotations

import numpy as np
from rich.columns import Columns
from rich.table import Table
from rich.text import Text

from smalti.scheduler.streams import STREAMS, Experience, Stream
from smalti.scheduler.streams.coding.pooling import pool, spell
from smalti.scheduler.streams.spikes.rendered import pieces
from smalti.scheduler.streams.survey import heard
from smalti.scheduler.streams.survey.about import ABOUT
from smalti.scheduler.streams.types import PARTS, WARNING, Floats

SHADES = " ░▒▓█"
HEIGHT, WIDTH = 16, 50  # most rows and columns of a picture of sound
FEW = 5  # experiences whose images are shown


def overview() -> Table:
    """All streams: what they are, what they need, where they come from."""
    table = Table(title="streams (stream.name)", title_justify="left", show_header=False, show_lines=True)
    table.add_column()
    for name in STREAMS:
        table.add_row(Text.assemble((name, "bold"), "\n", facts(name)))
    table.caption = "smalti data NAME [PATH] loads one and shows its experiences; docs/streams.md says more"
    table.caption_justify = "left"
    return table


def facts(name: str) -> Text:
    """A stream in words; of one that somebody added, the first line of its loader's docstring."""
    if name not in ABOUT:
        words = (STREAMS[name].__doc__ or "a stream of your own").strip()
        return Text(words.splitlines()[0])
    about = ABOUT[name]
    lines = [
        about.what,
        f"needs: {about.needs}",
        *about.source,
        f"licence: {about.licence}",
        f"setting: {about.settings}",
    ]
    return Text("\n".join(lines))


def summary(stream: Stream, wires: int) -> Table:
    """Sizes of a loaded stream."""
    counts = [len(np.unique(np.concatenate([getattr(e, part).index for e in stream.experiences]))) for part in PARTS]
    samples = ", ".join(f"{count:,} {part}" for count, part in zip(counts, PARTS, strict=True))
    rate = np.mean([_rate(e) for e in stream.experiences])
    table = Table(title=Text(f"{stream.name}, setting {stream.setting}"), title_justify="left", show_header=False)
    table.add_row("samples", samples)
    table.add_row("classes", Text(f"{stream.classes}: {', '.join(stream.class_names)}"))
    image = f"{spell(stream.shape)} pixels, " if len(stream.shape) > 1 else ""
    table.add_row("channels", f"{image}{stream.channels} of the default chip's {wires} north wires")
    table.add_row("time steps", str(stream.steps))
    table.add_row("input spikes of a sample", f"{rate * stream.channels * stream.steps:.0f} on average")
    if stream.readout is not None:
        asked = stream.readout
        table.add_row("asked at time steps", Text(f"{', '.join(asked.names)}; loss {asked.loss}, score {asked.score}"))
    found = heard.measure(stream)
    if found is not None:
        table.add_row("heard", Text("; ".join(found.facts)))
    for note in (*stream.notes, *(found.warnings if found else ())):
        table.add_row("warning" if note.startswith(WARNING) else "note", Text(note.removeprefix(WARNING)))
    return table


def experiences(stream: Stream) -> Table:
    """Sizes of every experience."""
    table = Table(title="experiences, in the order of the run", title_justify="left")
    for heading in ("task", "name", "classes"):
        table.add_column(heading)
    parts = PARTS if all(e.novel is None for e in stream.experiences) else (*PARTS, "novel")
    for part in parts:
        table.add_column(part, justify="right")
    for e in stream.experiences:
        sizes = (f"{len(getattr(e, part) or ()):,}" for part in parts)
        table.add_row(str(e.task), Text(e.name), str(len(e.classes)), *sizes)
    return table


def pictures(stream: Stream) -> Columns:
    """Mean firing probability of the first class of experiences: an image, or channels (the first below) over time.

    Where outputs are asked at single time steps: one trial of the first experience.
    """
    if stream.readout is not None:
        return Columns([_trial(stream, stream.experiences[0])])
    shown = stream.experiences[: FEW if len(stream.shape) > 1 else 1]
    return Columns([_picture(stream, e) for e in shown], padding=(1, 2))


def _picture(stream: Stream, experience: Experience) -> Text:
    label = experience.classes[0]
    mean = experience.train.x[experience.train.y == label].mean(axis=0)  # [T or 1, I]
    text = Text(f"{experience.name}\nclass {stream.class_names[label]}\n", no_wrap=True)
    if len(stream.shape) > 1:
        grid, wide = mean.mean(axis=0).reshape(-1, stream.shape[-1]), 2  # planes below each other
    else:
        grid, wide = _reduced(mean.T[::-1]), 1
    text.append(_shaded(grid, wide))
    return text


def _trial(stream: Stream, experience: Experience) -> Text:
    """The first training sample over time: its channels, then what the outputs should be and how much a step counts."""
    train, readout = experience.train, stream.readout
    assert readout is not None
    assert train.targets is not None
    assert train.weights is not None
    frames = np.broadcast_to(train.x[0], (stream.steps, stream.channels))
    text = Text(f"{experience.name}, the first trial over time: channels, the first below\n", no_wrap=True)
    text.append(_shaded(_reduced(frames.T[::-1]), 1))
    text.append("\noutputs, from their least to their greatest value, and the weights of the steps\n")
    rows = {**dict(zip(readout.names, train.targets[0].T, strict=True)), "weight": train.weights[0]}
    for name, values in list(rows.items())[-1 - FEW :]:
        spread = _reduced((values - min(0.0, float(values.min())))[None])
        text.append(f"{_shaded(spread, 1)} {name}\n")
    return text


def _rate(experience: Experience) -> float:
    """Mean firing probability of the training samples."""
    x = experience.train.x
    return sum(float(part.mean(dtype=np.float64)) * len(part) for _, part in pieces(x)) / len(x)


def _reduced(grid: Floats) -> Floats:
    """A grid of at most ``HEIGHT`` rows and ``WIDTH`` columns: blocks are averaged."""
    image = np.ascontiguousarray(grid)
    block = tuple(-(-size // most) for size, most in zip(image.shape, (HEIGHT, WIDTH), strict=True))
    small = tuple(-(-size // side) for size, side in zip(image.shape, block, strict=True))
    return pool(image.reshape(1, 1, -1), image.shape, block).reshape(small)


def _shaded(grid: Floats, wide: int) -> str:
    """A grid of values from 0 on as text, the largest darkest, every value so many characters wide."""
    level = np.minimum((grid / max(float(grid.max()), 1e-9) * len(SHADES)).astype(int), len(SHADES) - 1)
    return "\n".join("".join(SHADES[k] * wide for k in row) for row in level)
