"""What experts have said of samples that are asked about after every task, kept for as long as they would say it again.

An expert does the same for a sample, bit by bit, while nothing changes that takes part when it runs: its neurons and
whom they hear, a trunk with its outputs, how these leak and adapt, and the devices onto them with what drives those and
what they weigh. A digest of all that, and one of the samples, are the keys: nobody has to tell what has changed. Of
samples that an expert has not been asked about yet, these alone run. That takes an engine in which no sample touches
another (``Network.keeps_samples_apart``); with any other nothing is kept.

What a gating network keeps of the samples and each class (``KeepsTerms``) stands beside it.

It is no part of a run's state: a run that is resumed asks anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.model.gating.protocol import Kept
from smalti.scheduler.answers.question import Question
from smalti.scheduler.answers.said import Said, ask

MOST = 1 << 26  # bytes kept of what experts said, and of terms; what does not fit is worked out anew each time
Key = tuple[bytes, bytes]  # digests of who is asked, and about what


@dataclass(frozen=True)
class Testimony:
    """What an expert has said of some of the samples."""

    place: Tensor  # [B] int: where that of a sample stands, -1 for those that it has not been asked about
    said: Said  # counts in as few bytes as they need

    @staticmethod
    def of(rows: Tensor, said: Said, samples: int) -> Testimony:
        """What it has said of these rows [b] of the samples."""
        place = torch.full((samples,), -1)
        place[rows] = torch.arange(len(rows))
        short = torch.uint8 if len(said.activity.membrane) < 256 else torch.int32  # a neuron fires once a step at most
        return Testimony(place, replace(said, activity=replace(said.activity, counts=said.activity.counts.to(short))))

    def and_of(self, rows: Tensor, said: Said) -> Testimony:
        """This, and what it has said of further rows."""
        own, more = self.said.activity, said.activity
        membrane = torch.cat([own.membrane, more.membrane], 2)
        counts = torch.cat([own.counts, more.counts.to(own.counts.dtype)], 1)
        operations = torch.cat([self.said.operations, said.operations])
        place = self.place.clone()
        place[rows] = torch.arange(len(rows)) + len(self.said.operations)
        activity = replace(own, membrane=membrane, counts=counts)
        return Testimony(place, replace(said, activity=activity, operations=operations))

    def take(self, rows: Tensor) -> Said:
        """What it has said of these rows."""
        activity, places = self.said.activity, self.place[rows]
        membrane, counts = activity.membrane[:, :, places], activity.counts[:, places]
        activity = replace(activity, membrane=membrane, counts=counts.to(membrane.dtype))
        return replace(self.said, activity=activity, operations=self.said.operations[places])

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        activity, said = self.said.activity, self.said
        return sum(t.nbytes for t in (self.place, activity.membrane, activity.counts, said.slots, said.operations))


class Recall:
    """Keeps what experts have said.

    Args:
        most: bytes that may be kept of that, and of a gating network's terms.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most, self.size = most, 0
        self._kept: dict[Key, Testimony] = {}
        self._terms: dict[bytes, dict[int, Kept]] = {}  # by samples

    def examiner(self, agent: GatingAgent) -> Examiner:
        """Who puts questions to the agent as it is now; what those said who have changed since is forgotten."""
        examiner = Examiner(self, agent)
        now = set(examiner.digests.values())
        for key in [key for key in self._kept if key[0] not in now]:
            self.size -= self._kept.pop(key).bytes
        taken = 0
        for about, of_class in [*self._terms.items()]:
            taken += sum(terms.bytes for terms in of_class.values())
            if taken > self.most:
                del self._terms[about]
        return examiner

    def terms(self, about: bytes) -> dict[int, Kept]:
        """What the gating network keeps of samples, to be added to; the next examiner looks how much it is."""
        return self._terms.setdefault(about, {})

    def get(self, key: Key) -> Testimony | None:
        """What is kept under a key."""
        return self._kept.get(key)

    def put(self, key: Key, kept: Testimony) -> None:
        """Keep something, if it fits, in the place of what there was."""
        more = kept.bytes - (self._kept[key].bytes if key in self._kept else 0)
        if self.size + more <= self.most:
            self._kept[key] = kept
            self.size += more


class Examiner:
    """Puts questions to an agent, which must not change meanwhile, and recalls what has been said."""

    def __init__(self, recall: Recall, agent: GatingAgent) -> None:
        self.recall, self.agent = recall, agent
        apart = agent.network.keeps_samples_apart
        self.digests = {expert.number: _digest_of(agent, expert) for expert in agent.experts} if apart else {}

    def question(self, x: Tensor) -> Question:
        """A question about samples x [B, T, I]."""
        if not self.digests:
            return Question(self.agent, x)
        about = _digest([x])

        def answer(expert: Expert, rows: Tensor, channels: Tensor) -> Said:
            key = self.digests[expert.number], about
            kept = self.recall.get(key)
            missing = rows if kept is None else rows[kept.place[rows] < 0]
            if len(missing):
                said = ask(self.agent, expert, x[missing], channels[missing])
                kept = Testimony.of(missing, said, len(x)) if kept is None else kept.and_of(missing, said)
                self.recall.put(key, kept)
            assert kept is not None
            return kept.take(rows)

        return Question(self.agent, x, answer, None if self.agent.options.adapt else self.recall.terms(about))


def _digest_of(agent: GatingAgent, expert: Expert) -> bytes:
    """A digest of all that what an expert does depends on, beside the inputs."""
    return _digest(_taking_part(agent, expert))


def _taking_part(agent: GatingAgent, expert: Expert) -> Iterator[Tensor]:
    """All that what an expert does, and the work that it takes, depends on, beside the inputs.

    Neurons that run but cannot fire, such as the outputs of a trunk, take part: spikes meet their devices.
    """
    network, state, running = agent.network, agent.network.state, agent.running(expert)
    present = running & state.alive
    present[list(expert.outputs)] = True
    columns = present.view(network.fabric.tiles, 1, -1)
    here = torch.nonzero(columns.any(2).flatten()).flatten()  # tiles of these neurons: mostly few
    tile, row, column = torch.nonzero(state.mask[here] & columns[here], as_tuple=True)
    tile = here[tile]
    yield torch.tensor(expert.outputs)
    yield present
    yield network.fires(running)
    yield tile * network.fabric.slots + column  # the neuron that a device belongs to
    yield state.source[tile, row]
    yield network.reading().detach()[tile, row, column]
    yield from state.constants(network.options, torch.nonzero(present).flatten())


def _digest(tensors: Iterator[Tensor] | list[Tensor]) -> bytes:
    """A digest of the types, shapes and bytes of tensors."""
    found = blake2b(digest_size=16)
    for tensor in tensors:
        found.update(f"{tensor.dtype} {tuple(tensor.shape)} ".encode())
        found.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.digest()
