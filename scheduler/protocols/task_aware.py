"""Training where the network is told when a task begins: it opens an expert and protects the others then.

Its counterparts, which are told nothing, are ``scheduler.protocols.task_free`` and ``by_feedback``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.model.chip.fabric import NoRoomError
from smalti.model.gating.networks.crossbar import CrossbarGating
from smalti.model.gating.networks.staged import on_chip
from smalti.scheduler.answers import hearing, relayed
from smalti.scheduler.growth import gate_columns
from smalti.scheduler.growth.buy_back import Remembered
from smalti.scheduler.growth.gate_columns import GateColumns
from smalti.scheduler.growth.opening import Opening
from smalti.scheduler.growth.placing.room import (
    Need,
    Placed,
    Room,
    advice,
    label_sets,
    place_outputs,
    place_seeds,
    seed_widths,
)
from smalti.scheduler.growth.readout import Batch as Shown
from smalti.scheduler.growth.seed_expert import NoWayError
from smalti.scheduler.learning.summary import Accumulator
from smalti.scheduler.learning.training import Batch, Learner, TrainingOptions, learning_rate, train_step
from smalti.scheduler.protocols import on_levels
from smalti.scheduler.protocols.protocol import (
    Parts,
    Progress,
    Round,
    Trained,
    begun_at,
    kept_of,
    learn_of_answers,
    protect,
    serving,
)
from smalti.scheduler.protocols.unsolved import Unsolved, values_of
from smalti.scheduler.streams.batches import VALIDATION, TaskBatches
from smalti.scheduler.streams.wanted import Wanted


class TaskAware:
    """Who is trained, as the stream tells it. The gating agent calls a task by the number of its experience."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.novelty = float("nan")  # of the present task when it began
        self.openings: list[dict[str, object]] = []  # rows of that table, of the round in hand
        self.unsolved = Unsolved(parts)  # tasks that may open again
        self.enough: int | None = None  # step from which on an experience is not trained, its task being learned

    @property
    def stored_values(self) -> int:
        """Numbers kept of the trials of old tasks."""
        options, experiences = self.parts.grower.options.buy_back, self.parts.stream.experiences
        if options.by == "none":
            return self.unsolved.stored_values
        met = {experiences[position].task: position for expert in self.parts.agent.experts for position in expert.tasks}
        kept = (experiences[position].validation for position in met.values())
        return self.unsolved.stored_values + sum(min(options.samples, len(part)) * values_of(part) for part in kept)

    def expert(self, now: Round) -> Expert:
        """The expert in training."""
        return serving(self.parts, now.position)

    def begin(self, now: Round) -> None:
        """Begin an experience: find or found its expert, protect what the others have learned.

        An expert that serves several tasks (shared labels) stays plastic while it learns another of them. Where a task
        returns, its expert learns on, unless other answers hang on it.
        """
        if now.first_step:
            return
        self.enough = None
        parts, agent, options = self.parts, self.parts.agent, now.config
        shared = options.gating.experts == "shared"
        classes = tuple(range(parts.stream.classes)) if shared else now.experience.classes
        known = agent.find(classes)
        x, wanted = now.batches.probe(options.growth.probe, now.number)
        self.novelty = agent.gate.novelty(hearing.lessons(agent, x, wanted.labels)[0])
        lent = known is not None and self._stays(now, known)
        protect(parts, options.gating, None if lent else known)
        try:
            if known is None:
                expert, old_label_sets = self._opened(now, classes, (x, wanted)), torch.zeros(0, len(classes)).bool()
            else:
                expert, old_label_sets = known, known.label_sets()
                self._meet(now, expert)
                expert.lent += [now.position] * lent
        except NoWayError:
            raise
        except NoRoomError as error:
            sets = label_sets(parts.stream, 0, shared)
            outputs = [parts.stream.outputs_for(classes) for classes in sets]
            widths, everywhere = seed_widths(parts.stream, sets, options.growth), options.growth.everywhere
            cure = advice(options.fabric, outputs, widths, everywhere)
            if options.faults.drawn or options.faults.map:
                cure += "; or let less of the chip be dead ([faults]), which this advice knows nothing of"
            raise NoRoomError(f"task {now.experience.task} cannot be served: {error}; {cure}") from error
        rehearsal, running = parts.trainee.rehearsal, agent.running(expert)
        rehearsal.begin(now.batches, expert, old_label_sets, running, parts.grower.probe)

    def _stays(self, now: Round, expert: Expert) -> bool:
        """Whether a task that returns is served as it was, for other answers hang on its expert, or it was lent one."""
        experiences = self.parts.stream.experiences
        agent = self.parts.agent
        returns = any(experiences[position].task == now.experience.task for position in expert.tasks)
        return returns and (bool(expert.lent) or bool(agent.listeners(expert)) or hearing.hangs_on(agent, expert))

    def _meet(self, now: Round, expert: Expert) -> None:
        expert.meet(now.position, now.experience.classes, apart=self.parts.stream.setting == "task")

    def _opened(self, now: Round, classes: tuple[int, ...], probe: Shown) -> Expert:
        """An expert for classes that nobody serves: a seed expert, or what reuse finds first."""
        if now.config.growth.levels.relay:
            expert, self.openings = on_levels.opened(self.parts, now, classes, probe, partial(self._meet, now))
            return expert
        parts, reuse, outputs = self.parts, now.config.growth.reuse, self.parts.stream.outputs_for(classes)
        plan, room = self._room(now)
        examples = cache(partial(now.batches.probe, reuse.samples, now.number))
        opening = Opening(
            grower=parts.grower,
            task=now.experience.task,
            classes=classes,
            outputs=outputs,
            training=probe if reuse.by == "none" else examples(),
            examples=examples,
            validation=now.batches.evaluation(VALIDATION),
            chance=now.chance_of_seeds(),
            plan=plan,
            room=room,
            meet=partial(self._meet, now),
            remembered=partial(self._remembered, now),
        )
        expert = opening.run()
        if reuse.by != "none" or opening.refused:
            self.openings = [{"round": now.number, "name": now.experience.name, **row} for row in opening.rows]
        return expert

    def _remembered(self, now: Round) -> list[Remembered]:
        """Every task so far, with the samples that are kept of it."""
        tasks = {one.task: at for at, one in enumerate(self.parts.stream.experiences[: now.position])}
        return [(serving(self.parts, at), kept_of(begun_at(self.parts, now.config, at))) for at in tasks.values()]

    def _room(self, now: Round) -> tuple[Placed | None, Room]:
        """Where the seed of the expert that begins stands, and what to keep for those of the experiences to come.

        Seeds and outputs are kept or, where reuse may spare a task its seed, which has no plan then, outputs alone; and
        of what is left slots for columns of the gating network, if it stands on the chip.
        """
        plan, room = self._experts_to_come(now)
        chip = on_chip(self.parts.agent.gate)
        if chip is not None:
            classes = self._classes_from(now.position) - {*chip.classes}
            kept = gate_columns.room_for(chip, self.parts.grower, len(classes), room.after(0).slots)
            room = Room((*room.needs, Need(slots=kept)))
        own = 1 if plan is None else len(plan.needs)
        return plan, Room(room.needs[own:])

    def _classes_from(self, position: int) -> set[int]:
        """Classes of the experiences from that one on, whoever serves them."""
        return {label for experience in self.parts.stream.experiences[position:] for label in experience.classes}

    def _sets_to_come(self, now: Round) -> list[tuple[int, ...]]:
        """Classes of the experts that experiences from the present one on will need, where there is none yet."""
        to_come = label_sets(self.parts.stream, now.position, now.config.gating.experts == "shared")
        return [classes for classes in to_come if self.parts.agent.find(classes) is None]

    def _experts_to_come(self, now: Round) -> tuple[Placed | None, Room]:
        """Where the next seed stands, None where reuse may spare it, and what it and all later experts take."""
        parts, agent, network = self.parts, self.parts.agent, self.parts.trainee.network
        sets = self._sets_to_come(now)
        outputs = [parts.stream.outputs_for(classes) for classes in sets]
        if now.config.growth.levels.relay:
            return None, Room()
        if now.config.growth.reuse.by != "none":
            return None, place_outputs(network.fabric, network.free_slots(), len(agent.experts), outputs)
        widths = seed_widths(parts.stream, sets, now.config.growth)
        free, everywhere = network.free_slots(), now.config.growth.everywhere
        placed = place_seeds(network.links, free, len(agent.experts), outputs, widths, everywhere)
        first = placed[0] if placed else None
        needs = (need for one in placed if not one.obstacle or one is first for need in one.needs)
        return first, Room(tuple(needs))

    def train(self, now: Round) -> Trained:
        """Train a round."""
        trainee, expert = self.parts.trainee, self.expert(now)
        options = self._options(now, expert)
        learner = Learner.of(trainee.network, expert, self.parts.agent.running(expert), options.wiring)
        shown = Accumulator(trainee.network)
        for number in self._steps(now, expert):
            x, wanted = now.batches.training(number)
            self._observe(now.batches, number, x, wanted.labels)
            x, wanted = trainee.rehearsal.rehearse(now.batches, number, x, wanted)
            batch = Batch(x, wanted, now.batches.rows(number))
            rate = learning_rate(number, options)
            shown.add(learner, train_step(trainee, learner, batch, rate, options, now.config.growth.newborns))
        summary = shown.summary()

        def probe() -> tuple[Tensor, Wanted]:
            rounds = len(self.parts.stream.experiences) * options.rounds
            return now.batches.probe(now.config.growth.probe, now.number + rounds)

        began, openings, self.openings = now.position * options.rounds, self.openings, []
        progress = Progress(expert, now.position, began, summary, probe) if shown.stretches else None
        return Trained(summary, progress, self.novelty, openings=openings)

    def _options(self, now: Round, expert: Expert) -> TrainingOptions:
        """How the expert is trained; a task that opened on what there was learns for rounds of its own number."""
        if not self._served(now, expert):
            return now.config.training
        return replace(now.config.training, rounds=max(1, now.config.growth.reuse.readout_rounds), restarts=())

    def _steps(self, now: Round, expert: Expert) -> range:
        """Steps of the round; none where the task has been learned."""
        return range(now.first_step, min(now.first_step + now.config.training.steps, self._last_step(now, expert)))

    def _last_step(self, now: Round, expert: Expert) -> int:
        """Steps of the experience that are trained: fewer for a task that opened on what there was, or is learned."""
        training, reuse = now.config.training, now.config.growth.reuse
        rounds = training.rounds
        if self._served(now, expert):  # of a combination of old parts nothing moves
            rounds = 0 if expert.path else min(reuse.readout_rounds, training.rounds)
        return rounds * training.steps if self.enough is None else min(rounds * training.steps, self.enough)

    def _served(self, now: Round, expert: Expert) -> bool:
        """Whether the task opened on what there was."""
        return not expert.neurons or now.position in expert.lent

    def judged(self, now: Round, score: float) -> bool:
        """Whether that is enough (``training.enough_accuracy``), so that the experience trains no further."""
        training = now.config.training
        if self.enough is None and 0 < training.enough_accuracy <= score:
            self.enough = now.first_step + training.steps
        return self.enough is not None

    def end(self, now: Round) -> list[dict[str, object]]:
        """End an experience; old tasks may open again, which gives rows of the table ``openings``."""
        agent, expert = self.parts.agent, self.expert(now)
        self.parts.trainee.rehearsal.end(now.batches, expert, agent.running(expert), self.parts.grower.probe)
        self._show_rest(now, expert)
        relayed.show(agent, now.batches)
        hearing.show_experts(agent, None if now.position in expert.lent else expert, now.batches)
        bought = self._buy_columns(now, expert)
        learn_of_answers(self.parts, expert, now)
        if not now.config.growth.reuse.reopen:
            return bought
        rows, changed = self.unsolved.reopen(now)
        for then in changed:
            if agent.belief is not None:
                agent.belief.forget(self.expert(then).number)
            learn_of_answers(self.parts, self.expert(then), then)
        return [*bought, *rows]

    def _buy_columns(self, now: Round, expert: Expert) -> list[dict[str, object]]:
        """Let a gating network on the chip have columns for what it has learned; a row of the table ``openings``."""
        grower, chip = self.parts.grower, on_chip(self.parts.agent.gate)
        if chip is None:
            return []
        _, room = self._experts_to_come(now)
        lots = now.chance_of_seeds()(0, grower.network.fabric.tiles + 4)  # numbers of no tile
        shuffle = lots if grower.prices.options.values == "shuffled" else None
        free = gate_columns.spare(grower, room.after(0).slots)
        to_come = self._columns_to_come(now, chip)
        columns = GateColumns(grower, chip, now.experience.task, to_come, free, shuffle)
        refused = columns.run()
        return [{"round": now.number, "name": now.experience.name, **columns.row(expert.number, refused)}]

    def _columns_to_come(self, now: Round, chip: CrossbarGating) -> int:
        """Classes of later experiences that will want columns; of two levels as many as there are views to come."""
        stream, position = self.parts.stream, now.position + 1
        if not now.config.growth.levels.relay:
            return len(self._classes_from(position) - {*chip.centres.classes})
        views = [stream.factors[one.task][0] for one in stream.experiences] if stream.factors else []
        return len({*views[position:]} - {*views[:position]})

    def _show_rest(self, now: Round, expert: Expert) -> None:
        """Show the gating network what no step has shown of a task whose training ended early."""
        if now.batches.begun or (self.enough is None and not self._served(now, expert)):
            return
        number = self._last_step(now, expert)
        while now.batches.unseen(number):
            x, wanted = now.batches.training(number)
            self._observe(now.batches, number, x, wanted.labels)
            number += 1

    def state_dict(self) -> dict[str, Any]:
        """All that is kept from round to round."""
        unsolved = {"unsolved": self.unsolved.state_dict()} if self.unsolved.tasks else {}
        return {"novelty": self.novelty, "enough": self.enough, **unsolved}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.novelty, self.enough = float(state["novelty"]), state.get("enough")
        if "unsolved" in state:
            self.unsolved.load_state_dict(state["unsolved"])

    def _observe(self, batches: TaskBatches, number: int, x: Tensor, labels: Tensor) -> None:
        """Show the gating network every training sample once, as it comes, if it hears inputs."""
        agent, unseen = self.parts.agent, batches.unseen(number)
        if unseen and agent.gate.hears not in ("experts", "levels"):  # these are shown samples at the end
            agent.gate.observe(*hearing.lessons(agent, x[:unseen], labels[:unseen]), batches.task)
