from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib", reason="reports need matplotlib")

from smalti.analysis.plots.figure import new_figure
from smalti.analysis.report.pictures import inline_svg


def draw() -> Any:
    figure = new_figure(4, 2)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#4477AA", label="a < b & c")
    axes.axvspan(0, 0.5, color="#333333")
    axes.legend()
    return figure


def test_a_picture_is_one_element_without_sizes_of_its_own() -> None:
    text = inline_svg(draw, "one")
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert "viewBox" in root.attrib
    assert not {"width", "height"} & set(root.attrib)
    assert "<?xml" not in text
    assert "metadata" not in text


def test_greys_are_mixtures_of_ink_and_paper_and_colours_stay() -> None:
    text = inline_svg(draw, "one")
    assert not re.search(r"#([0-9a-f]{2})\1\1\b", text)
    assert "color-mix(in srgb, var(--ink) 0%, var(--paper))" in text  # white
    assert "color-mix(in srgb, var(--ink) 80%, var(--paper))" in text  # 0x33 = 51 = 255 / 5
    assert "#4477aa" in text


def test_the_same_picture_is_the_same_text_and_ids_are_those_of_its_name() -> None:
    assert inline_svg(draw, "one") == inline_svg(draw, "one")

    def clips(text: str) -> set[str]:
        return set(re.findall(r'<clipPath id="(.*?)"', text))

    one, two = clips(inline_svg(draw, "one")), clips(inline_svg(draw, "two"))
    assert one
    assert two
    assert not one & two
