from __future__ import annotations

from smalti.agents.expert import Expert


def test_classes_are_told_apart_among_all_seen_so_far() -> None:
    expert = Expert(0, (4, 1, 0, 2), 0, (3, 4, 5, 6))
    assert (expert.seen, expert.label_sets().tolist()) == ([4, 1, 0, 2], [])
    expert.meet(0, (0, 1), apart=False)
    expert.meet(1, (1, 4), apart=False)
    assert (expert.tasks, expert.seen) == ([0, 1], [0, 1, 4])
    assert expert.label_sets().tolist() == [[True, True, True, False]]


def test_or_within_each_task_where_it_is_told() -> None:
    expert = Expert(0, (0, 1, 2, 3), 0, (3, 4, 5, 6))
    for task, classes in enumerate([(0, 1), (2, 3)]):
        expert.meet(task, classes, apart=True)
    assert (expert.tasks, expert.seen) == ([0, 1], [0, 1, 2, 3])
    assert expert.label_sets().tolist() == [[True, True, False, False], [False, False, True, True]]
