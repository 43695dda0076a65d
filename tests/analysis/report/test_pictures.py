from __future__ import annotations

import re
from xml.etree import ElementTree

from smalti.analysis.plots.drawing.picture import Key, Line, Panel, Picture, Span
from smalti.analysis.report.pictures import inline_svg

PICTURE = Picture(
    title="one",
    panels=[
        Panel(
            marks=[Span(first=0, last=0.5, colour="#333333"), Line(x=[0, 1], y=[0, 1], colour="#4477aa")],
            x=(0, 1),
            y=(0, 1),
            keys=[Key(label="a < b & c", colour="#4477aa", kind="line")],
        )
    ],
    width=4,
    height=2,
)


def test_a_picture_is_one_element_without_sizes_of_its_own() -> None:
    text = inline_svg(PICTURE)
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert root.attrib["viewBox"] == "0 0 288 144"
    assert not {"width", "height"} & set(root.attrib)
    assert "<?xml" not in text
    assert "metadata" not in text


def test_it_is_as_wide_as_drawn_and_can_be_read_where_there_is_less_room() -> None:
    style = ElementTree.fromstring(inline_svg(PICTURE, least=280)).attrib["style"]
    assert "width:288pt" in style
    assert "min-width:min(288pt,280px)" in style


def test_greys_are_mixtures_of_ink_and_paper_and_colours_stay() -> None:
    text = inline_svg(PICTURE)
    assert not re.search(r"#([0-9a-f]{2})\1\1\b", text)
    assert "color-mix(in srgb, var(--ink) 100%, var(--paper))" in text  # black
    assert "color-mix(in srgb, var(--ink) 80%, var(--paper))" in text  # 0x33 = 51 = 255 / 5
    assert "#4477aa" in text


def test_the_same_picture_is_the_same_text_and_nothing_in_it_has_an_id_that_another_could_have() -> None:
    assert inline_svg(PICTURE) == inline_svg(PICTURE)
    assert " id=" not in inline_svg(PICTURE)
