"""The 20 cognitive tasks of G. R. Yang, M. R. Joglekar, H. F. Song, W. T. Newsome, X.-J. Wang, Nat. Neurosci. 22, 2019.

doi 10.1038/s41593-018-0310-2; a generator of our own, of about 50 ms a step.

- go: answer in the direction of the stimulus (anti: opposite to it) when the fixation goes off (fd), at once (react),
  or after a delay without the stimulus.
- dm: answer in the direction of the stronger of two stimuli, on ring 1 or 2; on the ring that the context asks for
  (contextdm), or of both together (multidm); at once, or with the second stimulus after a delay.
- dms: answer (go) or keep fixating (nogo) where the second stimulus has the direction of the first; dmc: where it is
  of the same half of the circle.

A trial of the part ``novel`` waits longer than any of training, and decides by coherences between those of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from smalti.scheduler.streams.made_options import COGNITIVE, CognitiveOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.tasks.course import OUTPUTS, RESPONSE, Course, Inputs, Numbers, Stimulus, samples_of
from smalti.scheduler.streams.types import Generated, GeneratedTask, Ints, Readout, Samples

STEPS = 60
VALIDATION, TEST, NOVEL = 256, 512, 256  # trials of a task
FD_WAIT, REACT_WAIT = (8, 20), (8, 36)  # steps from the stimulus to the go; from the beginning to the stimulus
DURATIONS = (8, 12, 16)  # of the stimuli of a decision without delay
LEFT = 4  # steps of delay, at least, that are kept for the novel part
APART = np.pi / 3  # least angle between stimuli that do not match
CATEGORIES = np.arange(0.1, 2, 0.2) * np.pi  # directions of dmc

Random = np.random.Generator
Span = tuple[int, int]  # the shortest and the longest


@dataclass(frozen=True)
class Conditions:
    """What trials of one part are drawn from."""

    wait: Span  # the delay, or what the task has for one
    coherences: tuple[float, ...]


def load_cognitive(options: StreamOptions) -> Generated:
    """The 20 cognitive tasks of Yang et al. 2019, to be answered in time.

    Raises:
        ValueError: if a path is given, or the trials do not fit the time steps.
    """
    if options.path:
        raise ValueError(f"stream.path = {options.path!r}: the stream cognitive is made; leave the path empty")
    own, steps = options.cognitive, options.steps or STEPS
    names = own.tasks or COGNITIVE
    tasks = []
    for turn, offset in enumerate(own.offset):
        for number, name in enumerate(names):
            lines = tuple(line == number for line in range(len(names))) if own.rule == "told" else ()
            label, key = f"{name} {offset:g}" if len(own.offset) > 1 else name, (options.split_seed, turn)
            sizes = (own.trials, VALIDATION, TEST, NOVEL)
            tasks.append(made_task(name, label, own, Inputs(own.ring, lines, np.radians(offset)), steps, key, sizes))
    note = f"cognitive tasks made by stream.split_seed; rules {own.rule}, rings of {own.ring}"
    readout = Readout(OUTPUTS, loss="squared_error", score="direction")
    return Generated(origin="cognitive", tasks=tuple(tasks), readout=readout, notes=(note,))


def made_task(
    name: str,
    label: str,
    options: CognitiveOptions,
    inputs: Inputs,
    steps: int,
    entropy: tuple[int, int],
    sizes: Sequence[int],
) -> GeneratedTask:
    """One task with all of its parts.

    Args:
        name: of the kind of task.
        label: of this one.
        options: delays and coherences.
        inputs: how trials are shown.
        steps: T.
        entropy: a seed, and what tells tasks of one kind apart.
        sizes: trials to train, validate, test, and of the novel part.
    """
    usual, novel = conditions(name, options, steps)
    seed, turn = entropy

    def part(number: int, count: int, drawn_from: Conditions) -> Samples:
        key = (turn, COGNITIVE.index(name), number)
        chance = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
        return samples_of(course(name, count, chance, drawn_from), inputs, steps)

    train, validation, test = (part(number, count, usual) for number, count in enumerate(sizes[:3]))
    return GeneratedTask(label, train, validation, test, part(3, sizes[3], novel))


def conditions(name: str, options: CognitiveOptions, steps: int) -> tuple[Conditions, Conditions]:
    """Conditions of training, and those that are never trained.

    Raises:
        ValueError: trials do not fit the time steps.
    """
    (shortest, longest), others = _wait(name, options)
    room = steps - others
    most = min(longest, room - LEFT)
    if most < shortest:
        raise ValueError(
            f"stream.steps = {steps} is too short for trials of {name} with delays from {shortest} steps on; give "
            f"{others + LEFT + shortest} or more, or shorter stream.cognitive.delays"
        )
    usual = Conditions((shortest, most), options.coherences)
    return usual, Conditions((most + 1, room), between_those(options.coherences))


def between_those(coherences: tuple[float, ...]) -> tuple[float, ...]:
    """The middles between neighbours; of a single one, three quarters."""
    rising = sorted(coherences)
    middles = tuple((a + b) / 2 for a, b in pairwise(rising))
    return middles or (0.75 * rising[0],)


def _wait(name: str, options: CognitiveOptions) -> tuple[Span, int]:
    """How long the task waits in training, and the steps that all else takes at most."""
    if name.startswith("fd"):
        return FD_WAIT, 8 + RESPONSE
    if name.startswith("react"):
        return REACT_WAIT, RESPONSE
    if name.startswith(("dms", "dmc")):
        return options.delays, 6 + 10 + RESPONSE
    if name in ("delaygo", "delayanti"):
        return options.delays, 8 + 10 + RESPONSE
    if "delay" in name:
        return options.delays, 6 + 10 + 10 + 4 + RESPONSE
    return (min(DURATIONS), max(DURATIONS)), 6 + RESPONSE


def course(name: str, count: int, chance: Random, conditions: Conditions) -> Course:
    """So many trials of a task."""
    if name.startswith(("dms", "dmc")):
        return _match(name, count, chance, conditions)
    return (_decision if "dm" in name else _go)(name, count, chance, conditions)


def _go(name: str, count: int, chance: Random, conditions: Conditions) -> Course:
    """Fd, react and delay, each go or anti."""
    wait = _steps(chance, count, *conditions.wait)
    on = wait if name.startswith("react") else _steps(chance, count, 4, 8)
    if name.startswith("delay"):
        off = on + _steps(chance, count, 4, 10)
        go = off + wait
    else:
        go = on if name.startswith("react") else on + wait
        off = go + RESPONSE
    direction = chance.uniform(0, 2 * np.pi, count)
    stimulus = Stimulus(chance.integers(0, 2, count), direction, np.ones(count), on, off)
    answer = direction if name.endswith("go") else (direction + np.pi) % (2 * np.pi)
    return Course((stimulus,), go, answer, fixated=name.startswith("react"))


def _decision(name: str, count: int, chance: Random, conditions: Conditions) -> Course:
    """Two stimuli, at once or one after the other, on one ring or on both."""
    first_on = _steps(chance, count, 2, 6)
    if "delay" in name:
        first_off = first_on + _steps(chance, count, 6, 10)
        second_on = first_off + _steps(chance, count, *conditions.wait)
        second_off = second_on + _steps(chance, count, 6, 10)
        go = second_off + _steps(chance, count, 2, 4)
    else:
        second_on, first_off = first_on, first_on + chance.choice(DURATIONS, count)
        go = second_off = first_off
    first = chance.uniform(0, 2 * np.pi, count)
    second = (first + chance.uniform(0.5 * np.pi, 1.5 * np.pi, count)) % (2 * np.pi)
    if name.startswith("multi"):
        of_ring, strengths = _shared(chance, count, conditions)
    else:
        rings = (0, 1) if name.startswith("context") else (int(name[-1]) - 1,)
        of_ring = {ring: _strengths(chance, count, conditions) for ring in rings}
        strengths = of_ring[int(name[-1]) - 1]
    stimuli = []
    for ring, (one, other) in of_ring.items():
        modality = np.full(count, ring)
        stimuli.append(Stimulus(modality, first, one, first_on, first_off))
        stimuli.append(Stimulus(modality, second, other, second_on, second_off))
    answer = np.where(strengths[0] > strengths[1], first, second)
    return Course(tuple(stimuli), go, answer, fixated=False)


def _strengths(chance: Random, count: int, conditions: Conditions) -> tuple[Numbers, Numbers]:
    """Of two stimuli: a common mean, plus and minus a coherence."""
    mean = chance.uniform(0.8, 1.2, count)
    coherence = chance.choice(conditions.coherences, count) * _signs(chance, count)
    return mean + coherence, mean - coherence


def _shared(
    chance: Random, count: int, conditions: Conditions
) -> tuple[dict[int, tuple[Numbers, Numbers]], tuple[Numbers, Numbers]]:
    """Strengths of two stimuli on both rings, and their means, which decide; each ring has more or less of them."""
    means = _strengths(chance, count, conditions)
    more = [mean * chance.uniform(0.2, 0.8, count) * _signs(chance, count) / 2 for mean in means]
    (one, other), (d, e) = means, more
    return {0: (one + d, other + e), 1: (one - d, other - e)}, means


def _match(name: str, count: int, chance: Random, conditions: Conditions) -> Course:
    """A sample and, after a delay, a test that does or does not match it; the test is the go."""
    on = _steps(chance, count, 2, 6)
    off = on + _steps(chance, count, 4, 10)
    go = off + _steps(chance, count, *conditions.wait)
    if name.startswith("dms"):
        match = chance.integers(0, 2, count).astype(bool)
        first = chance.uniform(0, 2 * np.pi, count)
        turned = (first + chance.uniform(APART, 2 * np.pi - APART, count)) % (2 * np.pi)
        second = np.where(match, first, turned)
    else:
        first, second = chance.choice(CATEGORIES, (2, count))
        match = (first < np.pi) == (second < np.pi)
    one = np.ones(count)
    stimuli = (
        Stimulus(chance.integers(0, 2, count), first, one, on, off),
        Stimulus(chance.integers(0, 2, count), second, one, go, go + RESPONSE),
    )
    responds = ~match if name.endswith("nogo") else match
    return Course(stimuli, go, np.where(responds, second, np.nan), fixated=True)


def _steps(chance: Random, count: int, least: int, most: int) -> Ints:
    """Numbers of steps, both bounds included."""
    return chance.integers(least, most + 1, count)


def _signs(chance: Random, count: int) -> Ints:
    return 2 * chance.integers(0, 2, count) - 1
