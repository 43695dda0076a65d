"""The examination after an experience: every task that can be served is asked, on every part of its data."""

from __future__ import annotations

from collections.abc import Callable

from smalti.agents.gating import GatingAgent
from smalti.scheduler.answers import blocks, unseen
from smalti.scheduler.answers.recall import Recall
from smalti.scheduler.answers.sessions import sessions
from smalti.scheduler.records import rows as tables
from smalti.scheduler.records.rows import Row
from smalti.scheduler.streams import Experience, Stream
from smalti.scheduler.streams.batches import NOVEL, TEST, VALIDATION, TaskBatches

PARTS = ((VALIDATION, "validation"), (TEST, "test"), (NOVEL, "novel"))

UNSEEN = ((VALIDATION, "unseen_validation"), (TEST, "unseen_test"))


def examine(
    agent: GatingAgent,
    stream: Stream,
    batches_of: Callable[[Experience], TaskBatches],
    after: int,
    trials: int,
    recall: Recall,
) -> tuple[list[Row], list[Row]]:
    """Ask everything; rows of the tables ``evaluations`` and ``switches``.

    Args:
        agent: whose experts answer.
        stream: the tasks.
        batches_of: gives the data of an experience.
        after: number of the last experience, -1 before the first.
        trials: tasks in a sample whose task changes while it lasts; 1 for no such samples.
        recall: what experts said when they were asked before.
    """
    answers: list[Row] = []
    switches: list[Row] = []
    examiner = recall.examiner(agent)
    served = {c for expert in agent.experts for c in expert.classes}
    for experience in {e.task: e for e in stream.experiences}.values():
        if served.isdisjoint(experience.classes):
            continue
        batches = batches_of(experience)
        for part, split in PARTS[: 2 if experience.novel is None else 3]:
            x, wanted = batches.evaluation(part)
            asked = examiner.question(x)
            block = blocks.answer(agent, experience.classes, asked, wanted)
            said = None if block is None else block.answers
            answers += tables.evaluation_rows(agent, stream, after, experience, split, asked, wanted, said)
            if block is not None:
                switches += tables.switch_rows(after, experience.task, split, block.switches)
    if trials > 1:
        met = {e.task: e for e in stream.experiences[: after + 1]}
        for session in sessions([*met.values()], trials, lambda e: batches_of(e).evaluation(TEST)):
            answers += tables.session_rows(agent, stream, after, session)
    if stream.held_out and after + 1 == len(stream.experiences):
        answers += _unseen(agent, stream, batches_of, after)
    return answers, switches


def _unseen(
    agent: GatingAgent, stream: Stream, batches_of: Callable[[Experience], TaskBatches], after: int
) -> list[Row]:
    """Rows of ``evaluations`` for the combinations that are held out."""
    rows: list[Row] = []
    for experience in stream.held_out:
        for part, split in UNSEEN:
            x, wanted = batches_of(experience).evaluation(part)
            answers = unseen.answers(agent, stream, experience, x)
            rows += tables.unseen_rows(after, experience, split, answers, wanted)
    return rows
