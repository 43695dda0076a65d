from __future__ import annotations

from smalti.agents.levels import Levels, Part


def levels() -> Levels:
    north = [Part([0, 1], serves=[0, 0]), Part([2, 3], serves=[1]), Part([4, 5], serves=[0, 1])]
    south = [Part([20, 21], (30, 31), [0, 1]), Part([22], (32, 33, 34), [2]), Part([23], (35, 36), [1, 1])]
    return Levels([10, 11, 12], north, south)


def test_a_way_is_its_parts_and_the_relay() -> None:
    assert levels().on((1, 2)) == [2, 3, 10, 11, 12, 23]


def test_ways_end_in_as_many_outputs_as_are_asked_for() -> None:
    assert levels().paths(2) == [(0, 0), (0, 2), (1, 0), (1, 2), (2, 0), (2, 2)]
    assert levels().paths(3) == [(0, 1), (1, 1), (2, 1)]
    assert levels().paths(4) == []


def test_the_told_way_serves_most_tasks_of_the_factors() -> None:
    assert levels().told((0, 1), 2) == (0, 2)
    assert levels().told((1, 0), 2) == (1, 0)  # of equals the first
    assert levels().told((1, 2), 3) == (1, 1)
    assert levels().told((1, 2), 2) is None
    assert levels().told((5, 0), 2) is None


def test_neurons_that_are_gone_leave_their_parts() -> None:
    there = levels()
    there.lose([11, 3, 20])
    assert there.relay == [10, 12]
    assert there.north[1].neurons == [2]
    assert there.south[0].neurons == [21]


def test_the_state_comes_back() -> None:
    there = levels()
    again = Levels.from_state(there.state_dict())
    assert again == there
    assert again.south[0].outputs == (30, 31)
    again.north[0].serves.append(9)
    assert there == levels()
