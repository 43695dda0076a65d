"""The options of the data, and of how it is cut into experiences. Reads nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from smalti.model.options import ranges
from smalti.model.options.values import expand_home, settle
from smalti.scheduler.streams.file_options import EventsOptions, SignalsOptions, SpikeTrainOptions
from smalti.scheduler.streams.made_options import (
    CognitiveOptions,
    LongCognitiveOptions,
    LongOptions,
    MackeyGlassOptions,
    MatchOptions,
    NBackOptions,
    ParityOptions,
    SequenceOptions,
    TwoFactorOptions,
)

MOST_CELLS = 64


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """The data, and how it is cut into experiences.

    Attributes:
        name: digits (small images), mnist (images), fsdd (speech), few-shot (of fsdd, in sessions of few), words (a
            folder of recordings each), arrays (your own .npz), shd, ssc (spikes of speech), events (event cameras),
            signals (tables, series, records), ecg (heart beats), cognitive (20 tasks to be answered in time), another
            that is made, or one added to STREAMS; `smalti data` tells about them.
        path: what to read: the zip or folder of fsdd, the .npz of arrays; mnist can do without, digits has none.
        setting: class (no task label at test), task (label given), domain (same classes), joint (all data).
        classes_per_task: classes of an experience in setting class and task; the last may have fewer.
        base: classes of the first experience in setting class and task; 0: as many as of the others.
        shots: at most this many training samples of a class, and as many for validation, in every experience after the
            first; 0: all there are.
        by: what speech (fsdd, shd, ssc) is cut by: digit, its words; speaker, or language (of shd), which need setting
            domain or joint.
        transform: makes copies of the data: permuted (channels) or rotated (images), the first copy being as it is.
            In setting domain a copy is a task of the same classes; in class and task its classes are new ones, shared
            out as classes_per_task says; joint: all copies at once. none: no copies.
        tasks: how many copies `transform` makes; 0: 5.
        hold_out: a domain, such as a speaker of fsdd, that is the test part and never trained on; empty: none.
        steps: time steps of a sample; 0 is the stream's own (digits, mnist 25, fsdd 50, arrays their axis or 25). More
            than the data's own axis has: every step of theirs is held.
        gain: factor on all firing probabilities; the product is clipped to 1.
        validation: share of samples for validation (of the training samples, if a stream has its own test).
        test: share of samples for the test, if a stream brings no test part of its own.
        split_seed: seed of the split, of what `limit` keeps and of what `transform` does; the same in all settings.
        limit: at most this many samples of a class, over all parts, for quick runs; 0 keeps all.
        pool: channels pooled into one, or the side of the square blocks of an image; 0: as few as make them fit
            the chip, -1: refuse what does not fit.
        pooling: how: mean of their probabilities; or, firing where any of them does; count, their sum, at most 1; auto:
            or for spikes (0 and 1 over time), mean for all else.
        code: bernoulli (a rate: a channel fires with its value as the probability), population (every feature becomes
            several channels, each of which prefers a value of its own; Bohte et al. 2002), or latency (a channel fires
            once, the earlier the larger its value; of data without a time axis).
        cells: channels a feature in code population; 0: as many as fit the chip, 2 to 8.
        order: tasks in the order of the experiences, such as 0 1 0 2; tasks may return. Empty: each once, as they come.
        shuffle: whether the tasks come in an order drawn by run.seed; not together with order.
        returns: share of the tasks that come once more, later, at places drawn by run.seed; not together with order.
        drift: share of an experience, at its end, in which its minibatches are mixed with the next one's, more and
            more; 0: sudden. Needs hidden boundaries.
        boundaries: told, or hidden: nobody is told when a task ends, and gating.detect has to notice.
        loss: of outputs that are asked at single steps: squared_error, or cross_entropy of targets that are
            probabilities; auto: the stream's own; of targets in arrays cross_entropy where they are probabilities.
        score: how right such outputs are: right, direction, r2, smape, roc, or one added to SCORES; auto: the stream's
            own; of arrays right where targets are probabilities, else r2.
        anomaly: name of the class that is to be found among the other, of two: how well is then measured by the areas
            roc_auc and average_precision; empty: of ecg, and of signals with `normal`, all that is not normal.
        session: tasks met so far whose test samples follow each other in time, joined to one sample of a further test
            split of that name; 1: there is none. Needs samples that ask for targets at single steps.
        shd: how the streams shd and ssc are read.
        events: how the stream events is read.
        signals: how the streams signals and ecg are read.
        cognitive: the tasks of the stream cognitive.
        parity: the tasks of the stream parity.
        match: the tasks of the streams context-match and match-distractors.
        sequence: what the stream order plays.
        mackey_glass: the tasks of the stream mackey-glass.
        nback: the tasks of the stream nback.
        long: the tasks of the stream long.
        long_cognitive: the tasks of the stream long-cognitive.
        two_factor: the tasks of the stream two-factor.
    """

    name: str = "digits"
    path: str = ""
    setting: Literal["class", "task", "domain", "joint"] = "class"
    classes_per_task: int = 2
    base: int = 0
    shots: int = 0
    by: Literal["digit", "speaker", "language"] = "digit"
    transform: Literal["none", "permuted", "rotated"] = "none"
    tasks: int = 0
    hold_out: str = ""
    steps: int = 0
    gain: float = 1.0
    validation: float = 0.2
    test: float = 0.2
    split_seed: int = 0
    limit: int = 0
    pool: int = 0
    pooling: Literal["auto", "mean", "or", "count"] = "auto"
    code: Literal["bernoulli", "population", "latency"] = "bernoulli"
    cells: int = 0
    order: tuple[int, ...] = ()
    shuffle: bool = False
    returns: float = 0.0
    drift: float = 0.0
    boundaries: Literal["told", "hidden"] = "told"
    loss: Literal["auto", "squared_error", "cross_entropy"] = "auto"
    score: str = "auto"
    anomaly: str = ""
    session: int = 1
    shd: SpikeTrainOptions = field(default_factory=SpikeTrainOptions)
    events: EventsOptions = field(default_factory=EventsOptions)
    signals: SignalsOptions = field(default_factory=SignalsOptions)
    cognitive: CognitiveOptions = field(default_factory=CognitiveOptions)
    parity: ParityOptions = field(default_factory=ParityOptions)
    match: MatchOptions = field(default_factory=MatchOptions)
    sequence: SequenceOptions = field(default_factory=SequenceOptions)
    mackey_glass: MackeyGlassOptions = field(default_factory=MackeyGlassOptions)
    nback: NBackOptions = field(default_factory=NBackOptions)
    long: LongOptions = field(default_factory=LongOptions)
    long_cognitive: LongCognitiveOptions = field(default_factory=LongCognitiveOptions)
    two_factor: TwoFactorOptions = field(default_factory=TwoFactorOptions)

    def __post_init__(self) -> None:
        settle(self, "stream")
        expand_home(self, "path")
        problem = self._problem()
        if problem:
            raise ValueError(f"stream.{problem}")
        ranges.positive("stream", self, "gain")
        ranges.at_least("stream", self, 1, "session")
        ranges.at_most("stream", self, ranges.MOST, "classes_per_task", "base", "shots", "tasks", "steps", "pool")
        ranges.at_most("stream", self, ranges.EVER, "limit")
        ranges.at_most("stream", self, ranges.SEED, "split_seed")
        if len(self.order) > ranges.MOST or max(self.order, default=0) > ranges.MOST:
            raise ValueError(f"stream.order must name at most {ranges.MOST:,} tasks, none above that number")

    def _problem(self) -> str:
        """The first field that is wrong, and its cure; empty if none is."""
        if self.by != "digit" and self.setting in ("class", "task"):
            return f"by = {self.by} does not go with setting {self.setting}; take setting domain, or by = digit"
        if self.classes_per_task < 2:
            return f"classes_per_task = {self.classes_per_task} leaves nothing to tell apart; give 2 or more"
        problem = self._few_shot_problem() or self._transform_problem()
        if problem:
            return problem
        if self.steps < 0:
            return f"steps = {self.steps} must be positive, or 0 for the stream's own number"
        if not (self.gain > 0 and math.isfinite(self.gain)):
            return f"gain = {self.gain} must be a positive number; 1 leaves the probabilities as they are"
        for name, share in (("validation", self.validation), ("test", self.test)):
            if not 0 < share < 1:
                return f"{name} = {share} must lie between 0 and 1, for example 0.2"
        if self.validation + self.test >= 1:
            return f"validation + test = {self.validation} + {self.test} must be below 1: train on the rest"
        if self.split_seed < 0:
            return f"split_seed = {self.split_seed} must be 0 or more"
        if self.limit < 0 or self.limit in (1, 2):
            return f"limit = {self.limit} must be 0 (all), or at least 3: one to train, validate and test each"
        if self.pool < -1:
            return f"pool = {self.pool} must be a factor of 1 or more, 0 (automatic) or -1 (refuse)"
        if self.cells and self.code != "population":
            return (
                f"cells = {self.cells} counts the channels of a feature in a population; set stream.code = population"
            )
        if self.cells < 0 or self.cells == 1 or self.cells > MOST_CELLS:
            return f"cells = {self.cells} must be 2 to {MOST_CELLS}, or 0 for as many as fit the chip"
        return self._problem_of_course()

    def _problem_of_course(self) -> str:
        """As ``_problem``, for how experiences follow each other."""
        if self.shuffle and self.order:
            return f"shuffle draws the order of the tasks, and order = {list(self.order)} gives it; take one of them"
        if not 0 <= self.returns <= 1:
            return f"returns = {self.returns} is a share of the tasks; give 0 (none comes again) to 1"
        if self.returns and self.order:
            return f"returns draws which tasks come again, and order = {list(self.order)} says it; take one of them"
        if any(task < 0 for task in self.order):
            return f"order = {list(self.order)} holds a negative number; tasks are counted from 0"
        if not 0 <= self.drift <= 1:
            return f"drift = {self.drift} is a share of an experience; give 0 (sudden) to 1"
        if self.drift and self.boundaries == "told":
            return (
                f"drift = {self.drift} needs stream.boundaries = hidden: a task that is told has its own samples only; "
                "gating.detect.by = told then says where the mixing begins"
            )
        return ""

    def _few_shot_problem(self) -> str:
        if self.base < 0 or self.base == 1:
            return f"base = {self.base} must be 2 classes or more, or 0 for classes_per_task"
        if self.base and self.setting not in ("class", "task"):
            return f"base = {self.base} counts classes, which setting {self.setting} does not share out; set it to 0"
        if self.shots < 0:
            return f"shots = {self.shots} must be a number of samples, or 0 for all"
        return ""

    def _transform_problem(self) -> str:
        if self.transform == "none":
            if self.tasks:
                return f"tasks = {self.tasks} counts the copies of a transform, and there is none; set stream.transform"
            return ""
        if self.by != "digit":
            return f"transform = {self.transform} makes domains, and so does by = {self.by}; take one of them"
        if self.tasks < 0 or self.tasks == 1:
            return f"tasks = {self.tasks} must be 2 or more, or 0 for 5: the first task is the data as they are"
        return ""
