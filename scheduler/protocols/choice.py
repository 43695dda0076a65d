"""Who decides in a run, and who is trained when: as its configuration says."""

from __future__ import annotations

import mesa

from smalti.agents.gating import GatingAgent
from smalti.model.gating.adaptation import check_adaptable
from smalti.model.gating.belief import Belief
from smalti.model.gating.networks import GATING
from smalti.model.gating.running import resolved
from smalti.model.network import Network
from smalti.scheduler.answers.judge import Judge
from smalti.scheduler.checks.simulation import by_feedback, check_listener, check_running
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.protocols.by_feedback import ByFeedback
from smalti.scheduler.protocols.protocol import Parts, TrainingProtocol
from smalti.scheduler.protocols.task_aware import TaskAware
from smalti.scheduler.protocols.task_free import TaskFree
from smalti.scheduler.streams import Stream


def gating_agent(model: mesa.Model, network: Network, config: Config, stream: Stream, judge: Judge) -> GatingAgent:
    """The gating agent with its gating network.

    Raises:
        ValueError: the gating network cannot do what it is asked for.
    """
    options, name = resolved(config.gating, stream.steps, stream.frames), config.gating.network
    gate = GATING[name](options, options.windows * stream.channels)
    check_adaptable(gate, config.gating.adapt, name)
    check_running(gate, config, stream)
    check_listener(gate, config)
    at_steps = None if stream.readout is None else judge.criterion
    belief = Belief(options.belief) if by_feedback(config, stream) else None
    return GatingAgent(model, network, gate, options, config.growth, at_steps, belief)


def protocol_of(config: Config, parts: Parts) -> TrainingProtocol:
    """Who is trained when."""
    if config.stream.boundaries == "told":
        return TaskAware(parts)
    return TaskFree(parts) if parts.agent.belief is None else ByFeedback(parts, parts.agent.belief)
