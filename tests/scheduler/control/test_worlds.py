from __future__ import annotations

import sys

import numpy as np
import pytest

from smalti.scheduler.control.worlds import WORLDS, Episodes


def test_unknown_worlds_and_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="there is no environment 'chess'; take one of cartpole, acrobot"):
        Episodes("chess", 1)
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(ValueError, match=r"pip install 'smalti\[control\]'"):
        Episodes("cartpole", 1)


@pytest.mark.parametrize("name", WORLDS)
def test_worlds_are_those_of_gymnasium(name: str) -> None:
    gymnasium = pytest.importorskip("gymnasium")
    world, plain = WORLDS[name], gymnasium.make(WORLDS[name].name)
    assert plain.observation_space.shape == (len(world.low),) == (len(world.high),)
    assert world.solved == (plain.spec.reward_threshold if name != "pendulum" else None)
    if world.actions:
        assert plain.action_space.n == world.actions
    else:
        assert float(plain.action_space.high[0]) == world.strength
    episodes = Episodes(name, 3)
    seen = episodes.begin([5, 5, 6])
    np.testing.assert_array_equal(seen[0], plain.reset(seed=5)[0])
    outputs = np.eye(world.outputs, dtype=np.float32)[[1, 0]]
    after, rewards, over = episodes.step(np.array([1, 2]), outputs)
    expected = plain.step(1 if world.actions else np.array([-world.strength], dtype=np.float32))
    np.testing.assert_allclose(after[0], expected[0], rtol=1e-6)
    assert rewards[0] == pytest.approx(float(expected[1]))
    assert over.tolist() == [False, False]


def test_a_task_is_a_changed_world() -> None:
    pytest.importorskip("gymnasium")
    long, heavy = Episodes("cartpole", 1, {"length": 2.0}), Episodes("cartpole", 1, {"masspole": 0.5})
    pole = long._all[0].unwrapped
    assert pole.polemass_length == pytest.approx(0.2)
    assert heavy._all[0].unwrapped.total_mass == pytest.approx(1.5)
    for wrong in ("colour", "step"):
        with pytest.raises(ValueError, match=rf"'{wrong}' is no number of the environment; there are .*length"):
            Episodes("cartpole", 1, {wrong: 1.0})
    with pytest.raises(ValueError, match="'total_mass' follows from masscart, masspole and length"):
        Episodes("cartpole", 1, {"total_mass": 5.0})
    with pytest.raises(ValueError, match="2 episodes do not fit 1 places"):
        long.begin([1, 2])
