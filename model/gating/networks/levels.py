"""A gate on either of two levels of experts: who runs in the north by inputs, who behind it by what the relay does.

As in the deep mixture of experts (Eigen, Ranzato and Sutskever 2013, arXiv 1312.4314) the second gate hears what the
first level makes of the input, and nothing else:

    log p(expert | x) = log p(north part | inputs) + log p(expert | relay under that part, among its experts)

Either gate is any gating network that hears counts (``gating.levels``). Of the north parts only the most probable
``gating.levels.ways`` run until the relay has been heard; experts on others have no share. Tasks are told in training,
so either gate is shown which parts served a sample: when its experience has ended, for what the relay does is settled
then.

Counts [B, F + K + K R] stand side by side: those of the inputs [F], which of the K north parts ran [K], and those of
the relay [R] under each, zero where it did not run. The first gate may stand on the chip (``networks.crossbar``), its
columns telling parts apart, not classes; what they have received [P] comes first then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor

from smalti.model.gating.assignment import Assignment
from smalti.model.gating.densities.mixture import UNKNOWN, check_state
from smalti.model.gating.features import checked_counts, checked_features, checked_labels, like
from smalti.model.gating.networks.autoencoder import AutoencoderGating
from smalti.model.gating.networks.crossbar import CrossbarGating
from smalti.model.gating.networks.gaussian import GaussianGating
from smalti.model.gating.networks.lda import LdaGating
from smalti.model.gating.networks.prototype import PrototypeGating
from smalti.model.gating.networks.random import RandomGating
from smalti.model.gating.networks.softmax import SoftmaxGating
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import GatingNetwork, Hears, KeepsTerms, Kept
from smalti.model.work import Work

GATES: dict[str, Callable[[GatingOptions, int], GatingNetwork]] = {
    "gaussian": GaussianGating,
    "lda": LdaGating,
    "prototype": PrototypeGating,
    "autoencoder": AutoencoderGating,
    "softmax": SoftmaxGating,
    "random": RandomGating,
}
"""Gating networks that can choose on a level: they hear counts and need nothing of the chip."""

FIRST: dict[str, Callable[[GatingOptions, int], GatingNetwork]] = {**GATES, "crossbar": CrossbarGating}
"""Those that can choose on the first one."""

Path = tuple[int, int]  # numbers of a north and of a south part


class LevelsGating:
    """Two gates, one after the other; implements ``GatingNetwork``.

    Raises:
        ValueError: a level has a gate that cannot be one.
    """

    hears: Hears = "levels"

    def __init__(self, options: GatingOptions, features: int) -> None:
        self.options = options
        self.features = checked_features(features)  # F
        for name, gates in (("north", FIRST), ("south", GATES)):
            if (gate := getattr(options.levels, name)) not in gates:
                raise ValueError(f"gating.levels.{name} = {gate!r} cannot choose there; take {', '.join(gates)}")
        self.assignment = Assignment()
        self.north = FIRST[options.levels.north](options, features)
        self._found(0)
        self.paths: dict[int, Path] = {}  # of every expert that has been shown
        self._said: tuple[Tensor, Tensor] | None = None  # what was asked last of the first gate, and its answer

    def _found(self, relay: int) -> None:
        """The second gate, for a relay of so many neurons; 0: there is none yet, and nothing to hear."""
        self.relay = relay  # R
        self.south = GATES[self.options.levels.south](self.options, max(relay, 1))

    @property
    def parts(self) -> int:
        """North parts that can be told apart, K."""
        return 1 + max((north for north, _ in self.paths.values()), default=-1)

    @property
    def chip(self) -> CrossbarGating | None:
        """The first gate, where that stands on the chip."""
        return self.north if isinstance(self.north, CrossbarGating) else None

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes observed, ascending."""
        return self.south.classes

    @property
    def stored_values(self) -> int:
        """Those of both gates, the parts of every expert, and the assignment."""
        own = 3 * len(self.paths) + 2 * len(self.assignment.expert_of)
        return self.north.stored_values + self.south.stored_values + own

    @property
    def adds_per_sample(self) -> int:
        """Those of the first gate, and of the second for every north part that runs."""
        return self.north.adds_per_sample + self._ways() * self.south.adds_per_sample

    @property
    def multiplications_per_sample(self) -> int:
        """Likewise."""
        return self.north.multiplications_per_sample + self._ways() * self.south.multiplications_per_sample

    def _ways(self) -> int:
        return min(self.options.levels.ways or self.parts, self.parts)

    def renew(self, paths: Mapping[int, Path], relay: int) -> None:
        """Hear these experts' parts from now on, and a relay of so many neurons.

        Raises:
            ValueError: an expert has moved to other parts, or the relay to other neurons.
        """
        moved = [expert for expert, path in self.paths.items() if tuple(paths.get(expert, path)) != path]
        if moved or (self.relay not in (0, relay)):
            raise ValueError(f"parts of experts {moved} have changed, or the relay's {self.relay} neurons are {relay}")
        self._said = None
        if not self.relay:
            self._found(relay)
        for expert, path in paths.items():
            own = [label for label, who in self.assignment.expert_of.items() if who == expert]
            self.paths[expert] = path
            self.north.assignment.assign(path[0], own if self.chip is None else path[:1])
            self.south.assignment.assign(expert, own)

    def first(self, counts: Tensor) -> Tensor:
        """What the first gate chooses by, of counts as they are shown: of the inputs [B, F], or its columns [B, P]."""
        return counts[:, : self.features if self.chip is None else len(self.chip.columns)]

    def ways(
        self, counts: Tensor, among: Collection[int] | None = None, terms: dict[int, Kept] | None = None
    ) -> Tensor:
        """North parts that run, the most probable first: numbers [B, k].

        Args:
            counts: what the first gate chooses by, [B, F] or [B, P].
            among: experts that are possible; None: all that have been shown.
            terms: what the first gate keeps of these counts, by class.
        """
        parts = sorted({north for expert, (north, _) in self.paths.items() if among is None or expert in among})
        if len(parts) < 2:
            return torch.tensor(parts).expand(len(counts), -1)
        shares = self._norths(counts, terms)[:, parts]
        wanted = min(self.options.levels.ways or len(parts), len(parts))
        return torch.tensor(parts)[shares.topk(wanted, 1).indices]

    def counted(self, counts: Tensor, relayed: Mapping[int, tuple[Tensor, Tensor]]) -> Tensor:
        """Counts [B, F + K + K R] of what inputs have done, and the relay [b, R] in rows [b], by north part.

        Of the inputs it is [B, F], or [B, P + F] with what columns of the chip have received.
        """
        samples, parts = len(counts), self.parts
        ran = torch.zeros(samples, parts, dtype=torch.float64)
        heard = torch.zeros(samples, parts, self.relay, dtype=torch.float64)
        for part, (rows, spikes) in relayed.items():
            ran[rows, part] = 1.0
            heard[rows, part] = spikes.double()
        return torch.cat([counts.to("cpu", torch.float64), ran, heard.flatten(1)], 1)

    def work(self, counts: Tensor) -> Work:
        """What samples take, means, of counts [B, F + K + K R]: the second gate is asked of every part that ran."""
        ran = float(self._heard(counts)[1].sum()) / len(counts)
        south = Work(self.south.adds_per_sample, self.south.multiplications_per_sample) * ran
        return Work(self.north.adds_per_sample, self.north.multiplications_per_sample) + south

    def relayed(self, counts: Tensor) -> float:
        """Spikes of the relay per sample, under all north parts that ran, of counts [B, F + K + K R]."""
        return float(self._heard(counts)[2].sum()) / len(counts)

    def observe(self, counts: Tensor, labels: Tensor, task: int) -> None:
        """Show counts [B, F + K + K R] of one task, for each of which one north part ran, to both gates.

        Raises:
            ValueError: counts or labels of wrong shape, not finite or negative, or more or fewer parts than one ran;
                nothing is learned then.
        """
        _, ran, relay = self._heard(counts)
        labels, inputs = checked_labels(labels, len(ran)), self._inputs(counts)
        if not bool((ran.sum(1) == 1).all()):
            raise ValueError("gates of two levels learn of samples for each of which one north part ran")
        self._said = None
        self.north.observe(inputs, labels if self.chip is None else ran.argmax(1), task)
        self.south.observe((ran[:, :, None] * relay).sum(1), labels, task)

    def scores(self, counts: Tensor) -> Tensor:
        """log p(expert | x) [B, E] for counts [B, F + K + K R]; -inf for experts whose north part did not run.

        Raises:
            ValueError: no expert has been assigned, or counts are refused.
        """
        first, ran, relay = self._heard(counts)
        experts = self.assignment.experts
        if not experts:
            raise ValueError("no expert to score: assign classes to an expert first")
        shares = torch.full((len(ran), len(experts)), -torch.inf, dtype=torch.float64)
        north = self._norths(first) if self.paths else ran
        column = {expert: place for place, expert in enumerate(experts)}
        for part in range(self.parts):
            rows = torch.nonzero(ran[:, part]).flatten()
            behind = [expert for expert, path in self.paths.items() if path[0] == part]
            if len(rows) and behind:
                share = self._behind(relay[rows, part], behind) + north[rows, part, None]
                shares[rows[:, None], torch.tensor([column[expert] for expert in behind])] = share
        known = shares.isfinite().any(1, keepdim=True)
        return like(counts, torch.where(known, shares, torch.zeros_like(shares)).log_softmax(1))

    def class_scores(self, counts: Tensor) -> Tensor:
        """Log densities [B, classes] of the relay under the north part of each class, and that part's log p.

        Very low where it did not run.
        """
        first, ran, relay = self._heard(counts)
        if not self.classes:
            raise ValueError("the gating network has observed nothing yet; call observe first")
        said = torch.full((len(ran), len(self.classes)), UNKNOWN, dtype=torch.float64)
        north = self._norths(first)
        of_class = torch.tensor([self.paths[self.south.assignment.expert_of[label]][0] for label in self.classes])
        for part in range(self.parts):
            rows, own = torch.nonzero(ran[:, part]).flatten(), torch.nonzero(of_class == part).flatten()
            if len(rows) and len(own):
                density = self.south.class_scores(relay[rows, part]).double()[:, own]
                said[rows[:, None], own] = density + north[rows, part, None]
        return like(counts, said.clamp(min=UNKNOWN))

    def souths(self, counts: Tensor) -> Tensor:
        """The most probable south part [B] by the relay under the most probable north part that ran, whoever is there.

        Combinations that no expert has can be meant as well: all classes of a south part speak for it.
        """
        first, ran, relay = self._heard(counts)
        best = self._norths(first).masked_fill(ran == 0, -torch.inf).argmax(1)
        scores = self.south.scores(relay[torch.arange(len(best)), best]).double()
        of_expert = torch.tensor([self.paths[expert][1] for expert in self.south.assignment.experts])
        found = torch.full((len(best), int(of_expert.max()) + 1), -torch.inf, dtype=torch.float64)
        for part in torch.unique(of_expert).tolist():
            found[:, part] = scores[:, of_expert == part].logsumexp(1)
        return found.argmax(1)

    def novelty(self, counts: Tensor) -> float:
        """How new the inputs are to the first gate, of their counts alone [B, F]."""
        return self.north.novelty(counts)

    def state_dict(self) -> dict[str, Tensor]:
        """Both gates' states, the parts of every expert, and the assignment."""
        state = self.assignment.state_dict()
        for name, gate in (("north", self.north), ("south", self.south)):
            state |= {f"{name}.{key}": value for key, value in gate.state_dict().items()}
        paths = torch.tensor([[expert, *path] for expert, path in self.paths.items()], dtype=torch.int64).reshape(-1, 3)
        return state | {"paths": paths, "relay": torch.tensor(self.relay)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave; ValueError if it does not fit, and nothing changes then."""
        check_state("levels", state, {"paths", "relay", "experts", "assigned"})
        fresh = LevelsGating(self.options, self.features)
        fresh._found(int(state["relay"]))
        for name, gate in (("north.", fresh.north), ("south.", fresh.south)):
            gate.load_state_dict({key.removeprefix(name): own for key, own in state.items() if key.startswith(name)})
        self._said = None
        self.north, self.south, self.relay = fresh.north, fresh.south, fresh.relay
        self.paths = {expert: (north, south) for expert, north, south in state["paths"].tolist()}
        self.assignment.load_state_dict(state)

    def _heard(self, counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the first gate chooses by, which north parts ran [B, K] and counts of the relay [B, K, R], float64."""
        parts, columns = self.parts, self._columns
        checked = checked_counts(counts[:, columns:], self.features + parts * (1 + self.relay))
        ran = checked[:, self.features : self.features + parts]
        relay = checked[:, self.features + parts :].reshape(len(checked), parts, self.relay)
        return self.first(counts).to("cpu", torch.float64).contiguous(), ran, relay

    def _inputs(self, counts: Tensor) -> Tensor:
        """Counts of the inputs [B, F]."""
        return counts[:, self._columns : self._columns + self.features].contiguous()

    @property
    def _columns(self) -> int:
        """Columns of the chip whose values come first, P."""
        return 0 if self.chip is None else len(self.chip.columns)

    def _norths(self, first: Tensor, terms: dict[int, Kept] | None = None) -> Tensor:
        """log p(north part | inputs) [B, K], of what the first gate chooses by; all alike where that has no columns."""
        if self.chip is not None and not self.chip.columns:
            return torch.zeros(len(first), self.parts, dtype=torch.float64).log_softmax(1)
        known = self._said  # the same samples are asked about several times in a row
        if known is not None and known[0].shape == first.shape and torch.equal(known[0], first.double()):
            return known[1]
        if terms is not None and isinstance(self.north, KeepsTerms):
            self.north.recall(first, terms)
        shares = torch.full((len(first), self.parts), -torch.inf, dtype=torch.float64)
        shares[:, list(self.north.assignment.experts)] = self.north.scores(first).double()
        if self.chip is None:  # whose columns may be written anew
            self._said = first.double(), shares
        return shares

    def _behind(self, relay: Tensor, experts: list[int]) -> Tensor:
        """log p(expert | relay) [B, E'] among some experts, for counts of the relay [B, R]."""
        columns = [self.south.assignment.experts.index(expert) for expert in experts]
        shares = self.south.scores(relay).double()[:, columns]
        known = shares.isfinite().any(1, keepdim=True)
        return torch.where(known, shares, torch.zeros_like(shares)).log_softmax(1)
