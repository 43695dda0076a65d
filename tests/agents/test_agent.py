from __future__ import annotations

import gc
import weakref

import mesa

from smalti.agents.agent import Agent


def test_agents_are_numbered_from_one_in_every_model() -> None:
    models = [mesa.Model(seed=0), mesa.Model(seed=0)]
    assert [[Agent(model).unique_id for _ in range(3)] for model in models] == [[1, 2, 3], [1, 2, 3]]
    assert not set(models) & set(mesa.Agent._ids)


def test_a_model_that_nobody_holds_is_freed() -> None:
    model = mesa.Model(seed=0)
    Agent(model)
    dropped = weakref.ref(model)
    del model
    gc.collect()
    assert dropped() is None
