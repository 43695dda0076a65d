"""A benchmark of continual learning: methods and streams, as a file says, and the runs that they stand for.

[benchmark]                       how often, and what all are compared with
seeds = 5
[base.training]                   what all runs share, section by section as in the file of a run
rounds = 10
[streams.digits]                  streams, and what their runs have besides
stream.name = "digits"
by_seed.stream.hold_out = ["theo", "lucas"]  # fields that take another value for every seed, in turn
[methods.grown]                   methods, likewise; beside sections of a run a method may have the fields of ``Method``
[methods.static]
follows = "grown"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

from smalti.scheduler.config import Config
from smalti.scheduler.config_io import Section, from_mapping, merge, read_toml
from smalti.scheduler.experiments.trials import Report, run_trials

DEFAULT = Path(__file__).with_name("continual.toml")
ANY = "any"
BY_SEED = "by_seed"


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions:
    """How a benchmark is measured.

    Attributes:
        seeds: runs of every method on every stream; differences are paired by seed.
        first_seed: seed of the first run.
        control: method that all others are compared with.
    """

    seeds: int = 5
    first_seed: int = 0
    control: str = "grown"

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.first_seed < 0:
            raise ValueError("benchmark.seeds must be at least 1 and benchmark.first_seed not negative")


@dataclass(frozen=True, kw_only=True)
class Method:
    """How a method's runs are made and read.

    Attributes:
        like: method whose sections its runs have too, its own coming last; empty for none.
        follows: method whose births its runs replay, all at the beginning of their tasks; empty for none.
        runs_of: method whose runs are read instead of its own; empty for its own.
        answer: network, or gate for what the gating network answers by itself.
        reads: setting of the evaluations that is read for every setting of the stream, such as joint; any reads
            each setting from its own evaluations.
        streams: streams that it is run on; empty for all.
        about: what it is, in a few words.
    """

    like: str = ""
    follows: str = ""
    runs_of: str = ""
    answer: Literal["network", "gate"] = "network"
    reads: str = ANY
    streams: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class Trial:
    """One run of the benchmark."""

    stream: str
    method: str
    seed: int

    @property
    def folder(self) -> str:
        """Folder of the run."""
        return f"{self.stream}_{self.method}_seed{self.seed}"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark as its file says."""

    options: BenchmarkOptions
    base: Section
    streams: Mapping[str, Section]
    methods: Mapping[str, Method]
    sections: Mapping[str, Section] = field(default_factory=dict)  # method -> what its runs have besides

    def __post_init__(self) -> None:
        if self.options.control not in self.methods:
            raise ValueError(f"benchmark.control = {self.options.control!r} is none of {', '.join(self.methods)}")
        for name, method in self.methods.items():
            if method.like and method.like not in self.sections:
                raise ValueError(f"methods.{name}.like = {method.like!r} is none of {', '.join(self.sections)}")
            for kind in ("follows", "runs_of"):
                other = getattr(method, kind)
                if other and (other not in self.methods or self.methods[other].follows or self.methods[other].runs_of):
                    raise ValueError(f"methods.{name}.{kind} = {other!r} must name a method with runs of its own")
            if unknown := set(method.streams) - set(self.streams):
                raise ValueError(f"methods.{name}.streams: {sorted(unknown)} are none of {', '.join(self.streams)}")

    def rows(self) -> Iterator[Trial]:
        """Every method on every stream with every seed, whether it has runs of its own or not."""
        first = self.options.first_seed
        for stream in self.streams:
            for name, method in self.methods.items():
                if not method.streams or stream in method.streams:
                    yield from (Trial(stream, name, seed) for seed in range(first, first + self.options.seeds))

    def run_of(self, row: Trial) -> Trial:
        """The run that is read for a row."""
        return Trial(row.stream, self.methods[row.method].runs_of or row.method, row.seed)

    def trials(self) -> list[Trial]:
        """Runs to be made."""
        return list(dict.fromkeys(self.run_of(row) for row in self.rows()))

    def config(self, trial: Trial, out: Path) -> Config:
        """Configuration of a run.

        Raises:
            ValueError: naming stream and method, for a file that asks for what there is not.
        """
        own: dict[str, Section] = {"run": {"seed": trial.seed}}
        if leader := self.methods[trial.method].follows:
            record = (out / Trial(trial.stream, leader, trial.seed).folder).resolve()
            own["growth"] = {"birth_record": str(record), "birth_record_at": "start"}
        try:
            stream, method = _of_seed(self.streams[trial.stream], trial.seed), self.sections[trial.method]
            alike = self.sections.get(self.methods[trial.method].like, {})
            return from_mapping(Config, merge(self.base, stream, alike, method, own))
        except ValueError as error:
            raise ValueError(f"method {trial.method!r} on stream {trial.stream!r}: {error}") from error

    def shortened(self) -> Benchmark:
        """The same in minutes, to see whether it runs: one seed of quick runs."""
        base = merge(self.base, {"run": {"quick": True}})
        return replace(self, options=replace(self.options, seeds=1), base=base)

    def only(self, streams: tuple[str, ...], methods: tuple[str, ...], seeds: int) -> Benchmark:
        """Some of it: these streams and methods (empty: all), so many seeds (0: as the file says).

        Raises:
            ValueError: for names that are not in the file, or methods without those that they read or follow.
        """
        for given, there in ((streams, self.streams), (methods, self.methods)):
            if unknown := set(given) - set(there):
                raise ValueError(f"{sorted(unknown)} are not in the benchmark; take some of {', '.join(there)}")
        kept = {name: stream for name, stream in self.streams.items() if name in (streams or self.streams)}
        cut = {
            name: replace(method, streams=tuple(s for s in method.streams or kept if s in kept))
            for name, method in self.methods.items()
            if name in (methods or self.methods)
        }
        cut = {name: method for name, method in cut.items() if method.streams}
        return replace(
            self, options=replace(self.options, seeds=seeds or self.options.seeds), streams=kept, methods=cut
        )


def load_benchmark(path: Path, data_paths: Mapping[str, str]) -> Benchmark:
    """Read a benchmark.

    Args:
        path: the file.
        data_paths: stream.name -> where its data lie; empty leaves out the streams of that name, unless the file says
            where they are.

    Raises:
        ValueError: naming the file and what is wrong in it.
    """
    data = read_toml(path)
    if unknown := data.keys() - {"benchmark", "base", "streams", "methods"}:
        raise ValueError(
            f"{path}: {sorted(unknown)} are unknown; a benchmark has [benchmark], [base], [streams] and [methods]"
        )
    told = {f.name for f in fields(Method)}
    try:
        every = data.get("streams", {})
        streams = dict(_located(every, data_paths))
        methods = {
            name: from_mapping(Method, {key: value for key, value in section.items() if key in told})
            for name, section in data.get("methods", {}).items()
        }
        sections = {
            name: {key: value for key, value in section.items() if key not in told}
            for name, section in data.get("methods", {}).items()
        }
        options = from_mapping(BenchmarkOptions, data.get("benchmark", {}))
        found = Benchmark(options, data.get("base", {}), {**every, **streams}, methods, sections)
        found = found.only(tuple(streams), (), 0)
        for trial in found.trials():
            if not methods[trial.method].follows:
                found.config(trial, Path())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return found


def run_benchmark(benchmark: Benchmark, out: Path, report: Report, workers: int = 0) -> dict[Trial, str]:
    """Run what is missing: first all that grow or learn by themselves, then those that follow them.

    Returns:
        Every run and its error, empty for those that finished.
    """
    errors: dict[Trial, str] = {}

    def play(chosen: Callable[[Method], bool]) -> None:
        named: dict[str, Trial] = {}
        for trial in benchmark.trials():
            method = benchmark.methods[trial.method]
            if not chosen(method):
                continue
            if method.follows and errors.get(Trial(trial.stream, method.follows, trial.seed)):
                errors[trial] = f"the run it follows failed ({method.follows})"
                report(trial.folder, errors[trial])
            else:
                named[trial.folder] = trial
        failed = run_trials({name: benchmark.config(t, out) for name, t in named.items()}, out, report, workers)
        errors.update({trial: failed.get(name, "") for name, trial in named.items()})

    play(lambda method: not method.follows)
    play(lambda method: bool(method.follows))
    return errors


def _of_seed(stream: Section, seed: int) -> Section:
    """What a stream's runs with a seed have besides: of every list in ``by_seed`` the seed's value, in turn."""

    def chosen(section: Section) -> dict[str, object]:
        return {
            name: chosen(value) if isinstance(value, Mapping) else value[seed % len(value)]
            for name, value in section.items()
        }

    plain = {name: section for name, section in stream.items() if name != BY_SEED}
    return merge(plain, chosen(stream.get(BY_SEED, {})))


def _located(streams: Mapping[str, Section], data_paths: Mapping[str, str]) -> Iterator[tuple[str, Section]]:
    for name, section in streams.items():
        options = section.get("stream", {})
        place = data_paths.get(options.get("name", ""), None)
        if place:
            yield name, merge(section, {"stream": {"path": place}})
        elif place is None or options.get("path"):
            yield name, section
