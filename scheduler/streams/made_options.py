"""The options of the streams that are made. Makes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smalti.model.options import ranges
from smalti.model.options.values import choices, settle, shown

COGNITIVE = (
    *("fdgo", "reactgo", "delaygo", "fdanti", "reactanti", "delayanti"),
    *("dm1", "dm2", "contextdm1", "contextdm2", "multidm"),
    *("delaydm1", "delaydm2", "contextdelaydm1", "contextdelaydm2", "multidelaydm"),
    *("dmsgo", "dmsnogo", "dmcgo", "dmcnogo"),
)


@dataclass(frozen=True, kw_only=True)
class CognitiveOptions:
    """The 20 cognitive tasks (Yang et al. 2019): decisions, delays, contexts, matches.

    Attributes:
        tasks: which of them, in their order, such as fdgo delaygo dm1; empty: all 20.
        rule: told (a line of its own fires for every task) or hidden (no such lines).
        ring: neurons of each of the two rings that show directions.
        trials: training trials of a task; 256 more validate, 512 test, 256 are of a kind that is never trained.
        offset: degrees by which the rings are turned against the answers; of several, every task comes once with each.
        delays: shortest and longest delay of training, in time steps.
        coherences: by how much the stronger stimulus of a decision is stronger, and the weaker one weaker.
    """

    tasks: tuple[str, ...] = ()
    rule: Literal["told", "hidden"] = "told"
    ring: int = 16
    trials: int = 1024
    offset: tuple[float, ...] = (0.0,)
    delays: tuple[int, int] = (4, 20)
    coherences: tuple[float, ...] = (0.4, 0.6, 0.8)

    def __post_init__(self) -> None:
        settle(self, "stream.cognitive")
        problem = self._problem()
        if problem:
            raise ValueError(f"stream.cognitive.{problem}")
        ranges.at_least("stream.cognitive", self, 8, "ring", most=ranges.MOST)
        ranges.at_least("stream.cognitive", self, 1, "trials", most=ranges.MOST)

    def _problem(self) -> str:
        """The first field that is wrong, and its cure; empty if none is."""
        for task in self.tasks:
            if task not in COGNITIVE:
                return f"tasks names {shown(task)}, which is none; {choices(task, COGNITIVE)}"
        for name in ("tasks", "offset", "coherences"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                return f"{name} = {shown(list(values))} names one twice; give each once"
        if not self.offset or not all(0 <= angle < 360 for angle in self.offset):
            return f"offset = {shown(list(self.offset))} must hold angles from 0 to below 360 degrees, one at least"
        shortest, longest = self.delays
        if not 1 <= shortest <= longest <= ranges.MOST:
            return f"delays = {list(self.delays)} must be the shortest and the longest, 1 step or more, such as 4 20"
        if not self.coherences or not all(0 < coherence <= 0.8 for coherence in self.coherences):
            return f"coherences = {shown(list(self.coherences))} must be one at least, above 0 and 0.8 at most each"
        return ""


@dataclass(frozen=True, kw_only=True)
class ParityOptions:
    """Parity: is the number of pulses, or of high rates, even or odd?

    Attributes:
        of: pulses (each of one of two kinds, at random times: is the number of those of the second kind odd?) or rates
            (low or high, each on channels of its own: is the number of high ones odd?).
        counts: how many there are; a task each.
        samples: samples of a task.
    """

    of: Literal["pulses", "rates"] = "pulses"
    counts: tuple[int, ...] = (2, 3, 4, 5)
    samples: int = 1200

    def __post_init__(self) -> None:
        settle(self, "stream.parity")
        _check_list("stream.parity.counts", self.counts, 1, 8)
        ranges.at_least("stream.parity", self, 20, "samples", most=ranges.MOST)


@dataclass(frozen=True, kw_only=True)
class MatchOptions:
    """Matches: have a first and a last stimulus the same direction?

    Attributes:
        delays: time steps between the two; a task each.
        rings: pairs of rings, one for the first and one for the last stimulus, in context-match; a context says
            which pair counts.
        directions: neurons of a ring, and directions of stimuli.
        distractors: stimuli within the delay in match-distractors.
        samples: samples of a task.
    """

    delays: tuple[int, ...] = (10, 20, 40)
    rings: int = 2
    directions: int = 8
    distractors: int = 2
    samples: int = 1200

    def __post_init__(self) -> None:
        settle(self, "stream.match")
        _check_list("stream.match.delays", self.delays, 1, ranges.MOST)
        ranges.at_least("stream.match", self, 2, "rings", "directions", most=64)
        ranges.at_least("stream.match", self, 1, "distractors", most=64)
        ranges.at_least("stream.match", self, 20, "samples", most=ranges.MOST)


@dataclass(frozen=True, kw_only=True)
class SequenceOptions:
    """Order in time: the samples of another stream, played in two orders.

    Attributes:
        of: the stream, which reads stream.path and the like as it does alone.
        how: backwards (each class is heard forwards and backwards, as two classes), or pairs (the samples of two
            classes follow each other, one or the other first).
    """

    of: str = "fsdd"
    how: Literal["backwards", "pairs"] = "backwards"

    def __post_init__(self) -> None:
        settle(self, "stream.sequence")


@dataclass(frozen=True, kw_only=True)
class MackeyGlassOptions:
    """The chaotic series of Mackey and Glass (1977), to be predicted at every step.

    Attributes:
        taus: delays of the equation, from periodic to chaotic; a task each.
        horizon: steps ahead that are asked for.
        cells: channels of the population that shows the present value.
        samples: training trials of a task; a quarter as many validate, half as many test.
    """

    taus: tuple[int, ...] = (17, 20, 25, 30)
    horizon: int = 5
    cells: int = 16
    samples: int = 512

    def __post_init__(self) -> None:
        settle(self, "stream.mackey_glass")
        _check_list("stream.mackey_glass.taus", self.taus, 1, 1000)
        ranges.at_least("stream.mackey_glass", self, 1, "horizon", most=1000)
        ranges.at_least("stream.mackey_glass", self, 2, "cells", most=64)
        ranges.at_least("stream.mackey_glass", self, 8, "samples", most=ranges.MOST)


@dataclass(frozen=True, kw_only=True)
class NBackOptions:
    """N-back: is the present symbol that of some symbols ago? Asked at every step.

    Attributes:
        back: how many symbols ago; a task each.
        symbols: different symbols.
        samples: training trials of a task; a quarter as many validate, half as many test.
    """

    back: tuple[int, ...] = (1, 2, 3)
    symbols: int = 6
    samples: int = 1024

    def __post_init__(self) -> None:
        settle(self, "stream.nback")
        _check_list("stream.nback.back", self.back, 1, 64)
        ranges.at_least("stream.nback", self, 2, "symbols", most=64)
        ranges.at_least("stream.nback", self, 8, "samples", most=ranges.MOST)


@dataclass(frozen=True, kw_only=True)
class LongOptions:
    """A long stream of tasks of unequal difficulty, made of another stream's samples.

    Attributes:
        of: the stream, which reads stream.path and the like as it does alone.
        tasks: how many there are.
        classes: numbers of classes of a task; of several, one is drawn for each.
        noise: shares of noise in samples; of several, one is drawn for each way to show them.
        related: chance that a task shows samples as an earlier one does.
        channels: to which samples are pooled before their channels are moved.
    """

    of: str = "digits"
    tasks: int = 40
    classes: tuple[int, ...] = (2, 3)
    noise: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6)
    related: float = 0.5
    channels: int = 64

    def __post_init__(self) -> None:
        settle(self, "stream.long")
        _check_list("stream.long.classes", self.classes, 2, ranges.MOST)
        ranges.at_least("stream.long", self, 1, "tasks", "channels", most=ranges.MOST)
        ranges.share("stream.long", self, "related")
        if not self.noise or not all(0 <= share < 1 for share in self.noise):
            raise ValueError(f"stream.long.noise = {shown(list(self.noise))} must hold shares from 0 to below 1")


@dataclass(frozen=True, kw_only=True)
class LongCognitiveOptions:
    """A long stream of cognitive tasks of unequal difficulty; stream.cognitive says which there are and how they are.

    Attributes:
        tasks: how many there are.
        related: chance that a task shows trials as an earlier one does.
        permuted: chance that a new way to show them permutes the neurons of the rings.
        offset: degrees by which rings are turned against the answers; one is drawn for each way to show trials.
        delays: longest delays of training, in place of the one of stream.cognitive.delays; likewise.
        noise: chances in every step that a neuron of the rings fires without a stimulus; likewise.
    """

    tasks: int = 40
    related: float = 0.75
    permuted: float = 0.75
    offset: tuple[float, ...] = (0.0, 90.0, 180.0, 270.0)
    delays: tuple[int, ...] = (8, 14, 20)
    noise: tuple[float, ...] = (0.0, 0.005, 0.01)

    def __post_init__(self) -> None:
        settle(self, "stream.long_cognitive")
        ranges.at_least("stream.long_cognitive", self, 1, "tasks", most=ranges.MOST)
        ranges.share("stream.long_cognitive", self, "related", "permuted")
        _check_list("stream.long_cognitive.delays", self.delays, 1, ranges.MOST)
        for name, beyond, unit in (("offset", 360, "degrees"), ("noise", 1, "chances")):
            values = getattr(self, name)
            if not values or not all(0 <= value < beyond for value in values):
                raise ValueError(
                    f"stream.long_cognitive.{name} = {shown(list(values))} must hold {unit} from 0 to below {beyond}, "
                    "one at least"
                )


@dataclass(frozen=True, kw_only=True)
class TwoFactorOptions:
    """Tasks of two factors, made of another stream's samples: a view of them, and a question about them.

    Attributes:
        of: the stream, which reads stream.path and the like as it does alone.
        views: permuted (of the channels; the first is as it is), turned (square images, by right angles and mirrored)
            or domains (of the other stream, such as the speakers of fsdd).
        ways: how many views there are.
        asks: names (all classes, each question has other names for them) or pairs (two classes are told apart).
        questions: how many questions there are.
        answers: names that a question has for the classes; 0: one for each. Fewer of them are shared.
        held_out: share of the combinations that are never trained, as far as every view and question keeps two.
        linked: whether stream.shuffle draws only orders in which every task after the first shares its view or its
            question with an earlier one.
        channels: to which samples are pooled before their channels are moved.
    """

    of: str = "digits"
    views: Literal["permuted", "turned", "domains"] = "permuted"
    ways: int = 6
    asks: Literal["names", "pairs"] = "names"
    questions: int = 5
    answers: int = 0
    held_out: float = 0.2
    linked: bool = True
    channels: int = 64

    def __post_init__(self) -> None:
        settle(self, "stream.two_factor")
        ranges.at_least("stream.two_factor", self, 1, "ways", "questions", "channels", most=ranges.MOST)
        ranges.not_negative("stream.two_factor", self, "answers", most=ranges.MOST)
        if self.answers == 1:
            raise ValueError(f"stream.two_factor.answers = {self.answers} must be 2 or more, or 0 for one a class")
        if not 0 <= self.held_out < 1:
            raise ValueError(
                f"stream.two_factor.held_out = {self.held_out} is a share of the combinations; give 0 to below 1"
            )


def _check_list(name: str, values: tuple[int, ...], least: int, most: int) -> None:
    """Whether a list names tasks by different numbers within bounds."""
    if not values or len(set(values)) < len(values) or not all(least <= value <= most for value in values):
        raise ValueError(
            f"{name} = {shown(list(values))} must hold one or more different numbers, each {least} to {most}"
        )
