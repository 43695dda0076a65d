from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("solara", reason="the extra dashboard is not installed")

from smalti.analysis.dashboard.components import Notice, Selected, without_folders
from smalti.analysis.dashboard.selection import Selection


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_facts_of_a_selection_are_text_and_no_code(played: Any) -> None:
    import reacton
    import solara

    view = played.views[-1]
    tile = next(tile for tile in view.tiles if tile.neurons)
    evil = replace(tile.neurons[0], rule="<img src=x onerror=alert(1)>")
    tiles = tuple(replace(one, neurons=(evil, *one.neurons[1:])) if one is tile else one for one in view.tiles)
    chosen = solara.reactive(Selection("neuron", evil.neuron))
    box, context = reacton.render_fixed(Selected(replace(view, tiles=tiles), chosen))
    shown = next(child.unsafe_innerHTML for child in box.children if hasattr(child, "unsafe_innerHTML"))
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown
    assert "<img" not in shown
    context.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_notice_is_text_and_no_code() -> None:
    import reacton

    box, context = reacton.render_fixed(Notice("<img src=x onerror=alert(1)> is damaged"), handle_error=False)
    assert box.unsafe_innerHTML == "&lt;img src=x onerror=alert(1)&gt; is damaged"
    context.close()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/runs/one/tables/ports/part-3.parquet is damaged", "part-3.parquet is damaged"),
        ("cannot read '/data/x.npz': no such file", "cannot read 'x.npz': no such file"),
        ("take rows/cols of 1/2 and ../there", "take rows/cols of 1/2 and ../there"),
    ],
)
def test_messages_name_files_but_not_where_they_lie(text: str, shown: str) -> None:
    assert without_folders(text) == shown
