"""Options of growth: how newborns are made, when, where and how many there may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from smalti.model.growth.buy_back import BuyBackOptions
from smalti.model.growth.learning_rates import NewbornOptions
from smalti.model.growth.levels import LevelsOptions
from smalti.model.growth.reuse import ReuseOptions
from smalti.model.options import ranges
from smalti.model.options.values import expand_home, settle, shown
from smalti.model.rewiring.options import RewiringOptions

Reach = Literal["outputs", "neighbours", "chip"]
RecordedAt = Literal["recorded", "start"]


@dataclass(frozen=True, kw_only=True)
class GrowthOptions:
    """How, when and how much the network grows.

    Attributes:
        rule: how newborns are wired, one of random, random_raw, random_uniform, gradmax, gradmax_whitened, primed,
            mixed, tiny, candidates, firefly, split, intern, local (docs/growth.md says what each does and needs).
        when: needed (loss of the task above enough_loss), unsolved (every few rounds while the score on validation data
            is below enough_score), never, schedule (every few rounds), plateau (the loss has
            stopped falling), noracl (neurons and devices are used up), novelty (as needed, for new inputs alone) or
            random (random rounds, as many as schedule has).
        amount: births asked for: fixed (births for each class), geometric (a fifth of the present neurons), double (as
            many as there are) or until_price (as many as bid above their price).
        where: auction (value minus price), value (price ignored), uniform (any tile with room), balanced (fewest
            neurons of the expert), nearest (to its outputs) or fullest (least room). Limits always hold; all but
            auction bear as many as are asked for, even where no bid exceeds its price.
        reach: whom a newborn may drive: outputs (own tile, neighbours, the tile of the outputs) or neighbours (own
            tile and neighbours alone, so that information crosses the chip tile by tile) or chip (every tile; a seed
            expert then stands in all living tiles, with links between all of them as far as there are wires).
        every: rounds between two growths for when = schedule and unsolved, and in the mean for random.
        patience: rounds without improvement for when = plateau; rounds between two growths for plateau and noracl.
        tolerance: relative fall of the loss below which when = plateau finds it flat.
        dimension_share: share of the highest effective dimension of the task above which when = noracl may grow.
        fisher_share: share of the Fisher information added up so far that a round may add where when = noracl grows.
        birth_record: folder of a finished run whose births are followed, in number, round and tile, whatever when,
            amount and where say; the neurons are made by rule, and by random where rule makes too few. Empty for none.
        birth_record_at: recorded (in the rounds of that run) or start (in the first round of their task, those alone
            that were alive at the end).
        seed_width: neurons that a seed expert puts into every tile on its way from the inputs to its outputs.
        seed_widths: the same of the seed of every task, by the number of the task, whatever the order in which they
            come; empty: seed_width for all. Only where boundaries are told.
        reserve: slots that growth leaves free in every tile while further experiences are to come; the slots and wires
            that their seed experts need are kept in any case, where boundaries are told.
        births: most neurons per class of the task that are born in one round.
        candidates: candidate neurons that each invited tile sends into an auction.
        max_neurons: most hidden neurons per class of an expert, seed included; 0 sets no limit but the chip's.
        enough_loss: mean training loss in nats below which a task needs no more neurons.
        enough_score: score on validation data from which on it needs none, for when = unsolved.
        until: share of an experience's rounds in which neurons may be born; newborns need time to learn.
        target_rate: firing rate per step to which the fan-in of a newborn is calibrated.
        preselection: most tiles that are asked for candidates; on larger chips, those that could be told most.
        siblings: whether neurons that are born at once, seeds too, hear each other and themselves; else each drives
            those that were there before it, and among themselves there are no loops.
        sibling_weight: standard deviation of the weights by which they do at first, over the root of their number.
        new_taps: most links from other tiles that a candidate may buy to listen to, beyond the rows already there.
        pool: newborns that a tile tries out for its candidates, for the rules mixed, candidates and intern.
        practice: gradient steps that candidates take before they bid, for the rules firefly and intern.
        probe: samples of the batch from which growth signals and bids are computed.
        retire_after: rounds that a grown neuron may stay silent before its tile retires it; 0 never retires.
        give_back: score on validation data that must be left without the neuron of the expert that is worth least, so
            that it goes after a round past ``until``; the rounds to come mend what that cost. 0: nobody goes.
        fates: write the table fates: after every round, what each neuron of the expert in training has to learn from,
            and what it is worth; costs a forward pass over probe validation samples for each.
        reuse: what a new task tries on the experts that exist before it gets neurons of its own.
        levels: two levels of experts, of which any on one may follow any on the other.
        buy_back: what may be bought back from old experts where a new task finds no room.
        rewiring: what is removed and moved between training and growth.
        newborns: how what has grown is trained.
    """

    rule: str = "gradmax_whitened"
    when: str = "needed"
    amount: str = "fixed"
    where: str = "auction"
    reach: Reach = "outputs"
    every: int = 2
    patience: int = 2
    tolerance: float = 0.05
    dimension_share: float = 0.9
    fisher_share: float = 0.25
    birth_record: str = ""
    birth_record_at: RecordedAt = "recorded"
    seed_width: int = 1
    seed_widths: tuple[int, ...] = ()
    reserve: int = 4
    births: int = 1
    candidates: int = 4
    max_neurons: int = 15
    enough_loss: float = 0.01
    enough_score: float = 0.95
    until: float = 0.6
    target_rate: float = 0.2
    preselection: int = 32
    siblings: bool = False
    sibling_weight: float = 0.0
    new_taps: int = 2
    pool: int = 32
    practice: int = 5
    probe: int = 256
    retire_after: int = 3
    give_back: float = 0.0
    fates: bool = False
    reuse: ReuseOptions = field(default_factory=ReuseOptions)
    levels: LevelsOptions = field(default_factory=LevelsOptions)
    buy_back: BuyBackOptions = field(default_factory=BuyBackOptions)
    rewiring: RewiringOptions = field(default_factory=RewiringOptions)
    newborns: NewbornOptions = field(default_factory=NewbornOptions)

    def __post_init__(self) -> None:
        settle(self, "growth")
        expand_home(self, "birth_record")
        ranges.at_least("growth", self, 1, "every", "patience", "seed_width", "births", "preselection")
        ranges.at_least("growth", self, 1, "candidates", "pool", most=10_000)
        ranges.at_least("growth", self, 8, "probe")
        ranges.not_negative("growth", self, "reserve", "max_neurons", "new_taps", "retire_after", "practice")
        ranges.weight("growth", self, "enough_loss", "enough_score", "sibling_weight", "give_back")
        ranges.share_above_0("growth", self, "target_rate", "until")
        ranges.share_below_1("growth", self, "tolerance", "dimension_share")
        ranges.positive("growth", self, "fisher_share")
        if any(not 1 <= width <= ranges.MOST for width in self.seed_widths):
            raise ValueError(
                f"growth.seed_widths = {shown(list(self.seed_widths))} must name a width of at least 1 for every task"
            )

    @property
    def everywhere(self) -> bool:
        """Whether seeds stand in all living tiles, instead of those on the way to their outputs."""
        return self.reach == "chip"

    def width_for(self, task: int) -> int:
        """Width of the seed of a task, by its number."""
        return self.seed_widths[task] if self.seed_widths else self.seed_width
