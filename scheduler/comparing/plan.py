"""What a comparison of growth rules is to run: a file, and the conditions that it stands for.

[compare]                         what is compared
rules = ["random", "gradmax_whitened"]
seeds = 5
[base.training]                   what all runs share, section by section as in the file of a run
rounds = 40
[settings.digits.stream]          and what the runs of a setting have besides, under a name of its own
name = "digits"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from smalti.model.growth.rules import GROWTH_RULES
from smalti.scheduler.config import Config
from smalti.scheduler.config_io import Section, from_mapping, merge, read_toml

STATIC, REPLAY = "start", "replay"
SAME_COMPUTE = "start, same compute"
CONTROLS = ("uniform", "static", "static_compute", "replay")
UNAIDED: Section = {"gating": {"vote": 0.0}}  # growth is judged by what the network answers, unless the file says else


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """What is compared.

    Attributes:
        rules: growth rules; every one is run at every placement and timing.
        placements: values of growth.where.
        timings: values of growth.when.
        seeds: runs of every condition; differences are paired by seed.
        first_seed: seed of the first run.
        reference: rule that the controls are made for, at the first placement and timing.
        control: rule that all rules are compared with, and that the controls' neurons are made by.
        controls: uniform (as many neurons as the reference, placed at random), static (a net of the reference's final
            size from the beginning), static_compute (the same, trained with as many synaptic operations as the
            reference), replay (the reference's birth record with another initialisation).
    """

    rules: tuple[str, ...] = ("random", "random_raw", "gradmax_whitened")
    placements: tuple[str, ...] = ("auction",)
    timings: tuple[str, ...] = ("schedule",)
    seeds: int = 5
    first_seed: int = 0
    reference: str = "gradmax_whitened"
    control: str = "random"
    controls: tuple[str, ...] = CONTROLS

    def __post_init__(self) -> None:
        for name in ("rules", "placements", "timings"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise ValueError(f"compare.{name} = {list(given)} must name at least one, and none twice")
        for rule in (*self.rules, self.reference, self.control):
            if rule not in GROWTH_RULES:
                raise ValueError(f"{rule!r} is no growth rule; take some of {', '.join(GROWTH_RULES)}")
        if self.reference not in self.rules or self.control not in self.rules:
            raise ValueError(
                f"compare.rules must hold {self.reference!r} and {self.control!r}: all is compared with them"
            )
        if unknown := set(self.controls) - set(CONTROLS):
            raise ValueError(f"compare.controls holds {sorted(unknown)}; allowed: {', '.join(CONTROLS)}")
        if self.seeds < 1 or self.first_seed < 0:
            raise ValueError("compare.seeds must be at least 1 and compare.first_seed not negative")


@dataclass(frozen=True)
class Condition:
    """One run."""

    setting: str
    rule: str
    placement: str
    timing: str
    seed: int

    @property
    def folder(self) -> str:
        """Folder of the run."""
        parts = (self.setting, self.rule, self.placement, self.timing.replace(", ", "-").replace(" ", "-"))
        return "_".join((*parts, f"seed{self.seed}"))


@dataclass(frozen=True)
class Plan:
    """A comparison as its file says."""

    name: str
    compare: CompareOptions = field(default_factory=CompareOptions)
    base: Section = field(default_factory=dict)
    settings: Mapping[str, Section] = field(default_factory=lambda: {"default": {}})

    def grown(self) -> Iterator[Condition]:
        """Runs that grow, the uniform control among them."""
        what = self.compare
        for setting in self.settings:
            for seed in range(what.first_seed, what.first_seed + what.seeds):
                found = [(r, p, t) for t in what.timings for p in what.placements for r in what.rules]
                uniform = (what.reference, "uniform", what.timings[0])
                if "uniform" in what.controls and uniform not in found:
                    found.append(uniform)
                yield from (Condition(setting, *each, seed) for each in found)

    def reference(self, of: Condition) -> Condition:
        """The run whose births a control follows."""
        what = self.compare
        return replace(of, rule=what.reference, placement=what.placements[0], timing=what.timings[0])

    def followers(self, controls: tuple[str, ...]) -> Iterator[Condition]:
        """Runs that follow the reference's births: those of static, static_compute and replay that are asked for."""
        what, timing = self.compare, {"static": STATIC, "static_compute": SAME_COMPUTE, "replay": REPLAY}
        for setting in self.settings:
            for seed in range(what.first_seed, what.first_seed + what.seeds):
                for control in controls:
                    if control in what.controls and control in timing:
                        yield Condition(setting, what.control, REPLAY, timing[control], seed)

    @property
    def total(self) -> int:
        """Runs in all."""
        return len(list(self.grown())) + len(list(self.followers(CONTROLS)))

    def static(self, of: Condition) -> Condition:
        """The net of the reference's final size from the beginning."""
        return replace(of, rule=self.compare.control, placement=REPLAY, timing=STATIC)

    def shortened(self) -> Plan:
        """The same in minutes, to see whether it runs: two seeds of quick runs."""
        what = replace(self.compare, seeds=min(self.compare.seeds, 2))
        return replace(self, compare=what, base=merge(self.base, {"run": {"quick": True}, "growth": {"every": 1}}))

    def config(self, of: Condition, record: Path | None = None, rounds: int = 0) -> Config:
        """Configuration of a run.

        Args:
            of: the condition.
            record: folder of the run whose births it follows.
            rounds: rounds of an experience, where they are not those of the file.

        Raises:
            ValueError: for a file that asks for what there is not.
        """
        growth: dict[str, object] = {"rule": of.rule}
        if record is None:
            growth |= {"where": of.placement, "when": of.timing}
        else:
            at = "recorded" if of.timing == REPLAY else "start"
            growth |= {"when": self.reference(of).timing, "birth_record": str(record), "birth_record_at": at}
        own: dict[str, Section] = {"growth": growth, "run": {"seed": of.seed}, "training": {"validate": True}}
        if rounds:
            own["training"] = {"validate": True, "rounds": rounds}
        try:
            return from_mapping(Config, merge(UNAIDED, self.base, self.settings[of.setting], own))
        except ValueError as error:
            raise ValueError(f"setting {of.setting!r} of comparison {self.name!r}: {error}") from error


def load_plan(path: Path) -> Plan:
    """Read a comparison.

    Raises:
        ValueError: naming the file and what is wrong in it.
    """
    data = read_toml(path)
    if unknown := data.keys() - {"compare", "base", "settings"}:
        raise ValueError(f"{path}: {sorted(unknown)} are unknown; a comparison has [compare], [base] and [settings]")
    settings = data.get("settings", {"default": {}})
    if not settings or not all(isinstance(section, dict) for section in settings.values()):
        raise ValueError(f"{path}: give every setting a section of its own, such as [settings.digits.stream]")
    try:
        plan = Plan(path.stem, from_mapping(CompareOptions, data.get("compare", {})), data.get("base", {}), settings)
        for setting in settings:
            plan.config(Condition(setting, *_first(plan.compare), 0))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return plan


def _first(what: CompareOptions) -> tuple[str, str, str]:
    return what.rules[0], what.placements[0], what.timings[0]
