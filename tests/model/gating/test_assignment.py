from __future__ import annotations

import pytest

from smalti.model.gating.assignment import Assignment


def test_experts_keep_the_order_of_their_first_assignment() -> None:
    book = Assignment()
    book.assign(3, [5, 6])
    book.assign(1, [])
    book.assign(3, [6, 7])
    assert book.experts == (3, 1)
    assert book.expert_of == {5: 3, 6: 3, 7: 3}


def test_a_class_has_one_expert_and_a_refusal_changes_nothing() -> None:
    book = Assignment()
    book.assign(0, [1, 2])
    with pytest.raises(ValueError, match="class 2 is served by expert 0, so expert 4 cannot"):
        book.assign(4, [3, 2])
    assert book.experts == (0,)
    assert book.expert_of == {1: 0, 2: 0}


def test_a_class_that_moves_leaves_its_expert() -> None:
    book = Assignment()
    book.assign(0, [1, 2])
    book.assign(4, [])
    book.move(4, [2])
    assert book.experts == (0, 4)
    assert book.expert_of == {1: 0, 2: 4}


@pytest.mark.parametrize(("expert", "classes"), [(-1, [0]), (0, [1, -2])])
def test_refuses_negative_numbers(expert: int, classes: list[int]) -> None:
    with pytest.raises(ValueError, match="negative"):
        Assignment().assign(expert, classes)


@pytest.mark.parametrize("assigned", [[], [(2, [9, 4]), (0, []), (7, [1])]])
def test_round_trip(assigned: list[tuple[int, list[int]]]) -> None:
    book, other = Assignment(), Assignment()
    for expert, classes in assigned:
        book.assign(expert, classes)
    other.assign(5, [5])
    other.load_state_dict(book.state_dict())
    assert other.experts == book.experts
    assert other.expert_of == book.expert_of
