"""Fields by their dotted names."""

from __future__ import annotations

from smalti.analysis.fields import flat, frozen, varied


def test_fields_of_nested_sections_have_dotted_names() -> None:
    config = {"a": {"b": 1, "c": {"d": [[2], 3]}}, "e": 3}
    assert flat(config) == {"a.b": 1, "a.c.d": [[2], 3], "e": 3}
    assert frozen(config) == {"a.b": 1, "a.c.d": ((2,), 3), "e": 3}


def test_configurations_differ_where_those_that_have_a_field_have_several_values() -> None:
    first = {"a": {"same": 1, "list": [1], "truth": True}, "alone": 1}
    second = {"a": {"same": 1, "list": [2], "truth": 1}}
    assert varied([first, second]) == ("a.list", "a.truth")
    assert varied([first, first]) == varied([first]) == varied([]) == ()
