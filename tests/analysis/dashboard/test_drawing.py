from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from smalti.analysis.dashboard import drawing as module
from smalti.analysis.dashboard.drawing import OTHERS, SIDE, TILE, colour, drawing
from smalti.analysis.dashboard.selection import Selection, lit
from smalti.analysis.plots.drawing.theme import grey


def test_every_cell_slot_and_routed_link_is_drawn(played: Any) -> None:
    view = played.views[-1]
    shapes = drawing(view, None)
    assert json.loads(json.dumps(shapes)) == shapes  # goes to the browser as it is
    assert (shapes["width"], shapes["height"]) == (2 * TILE + 3 * SIDE, 2 * TILE + 3 * SIDE)
    assert sum(box["w"] * box["h"] for box in shapes["boxes"]) == pytest.approx(shapes["width"] * shapes["height"])
    assert [box["kind"] for box in shapes["boxes"]][-4:] == ["tile"] * 4  # nothing hides their borders
    assert len(shapes["dots"]) == 4 * 8
    alive = {f"neuron:{n.neuron}": n for tile in view.tiles for n in tile.neurons}
    drawn = {dot["key"]: dot for dot in shapes["dots"] if dot["key"]}
    assert drawn.keys() == alive.keys()
    assert all(drawn[key]["fill"] == colour(one.task) and drawn[key]["kind"] == one.kind for key, one in alive.items())
    assert {line["key"] for line in shapes["lines"]} == {f"link:{k.link}" for k in view.links if k.kind == "routed"}


def test_clusters_colour_neurons_and_their_wires(played: Any) -> None:
    view = played.views[-1]
    alive = [n.neuron for tile in view.tiles for n in tile.neurons if n.kind == "hidden"]
    clusters = {alive[0]: 3, alive[1]: 5, 10_000: 7}  # the last lives no more
    shapes, plain = drawing(view, None, clusters), drawing(view, None)
    assert json.loads(json.dumps(shapes)) == shapes
    wanted = {f"neuron:{alive[0]}": colour(3), f"neuron:{alive[1]}": colour(5)}
    dots = {dot["key"]: dot for dot in shapes["dots"] if dot["key"]}
    assert {key: dot["fill"] for key, dot in dots.items()} == {key: wanted.get(key, OTHERS) for key in dots}
    assert ", cluster 3, born" in dots[f"neuron:{alive[0]}"]["title"]
    assert "cluster" not in dots[f"neuron:{alive[2]}"]["title"]
    links = {f"link:{link.link}": link for link in view.links}
    for line in shapes["lines"]:
        assert line["colour"] == wanted.get(f"neuron:{links[line['key']].source}", OTHERS)
    assert [entry["name"] for entry in shapes["legend"]] == ["cluster 3", "cluster 5", "in no cluster"]
    assert [entry["name"] for entry in plain["legend"]] == ["task 0", "task 1"]
    inputs = drawing(view, Selection("tile", 0), clusters)["lines"]
    assert any(line["colour"] == colour(-1) for line in inputs)


def test_dots_lie_in_their_tile_and_lines_go_from_tile_to_tile(played: Any) -> None:
    view = played.views[-1]
    shapes = drawing(view, None)
    box = {shape["key"]: shape for shape in shapes["boxes"]}
    home = {f"neuron:{n.neuron}": f"tile:{n.tile}" for tile in view.tiles for n in tile.neurons}
    assert all(_inside(box[home[dot["key"]]], dot["x"], dot["y"]) for dot in shapes["dots"] if dot["key"])
    links = {f"link:{link.link}": link for link in view.links}
    for line in shapes["lines"]:
        link = links[line["key"]]
        points = [tuple(map(float, point.split(","))) for point in line["points"].split()]
        assert _on_the_edge(box[home[f"neuron:{link.source}"]], *points[0])
        assert _on_the_edge(box[f"tile:{link.target_tile}"], *points[-1])
        for (row, col), point in zip(link.path, points[1:-1], strict=True):
            assert _inside(box[f"cell:{row * 5 + col}"], *point)


def _on_the_edge(box: dict[str, float], x: float, y: float) -> bool:
    across, down = x in (box["x"], box["x"] + box["w"]), y in (box["y"], box["y"] + box["h"])
    return across != down and box["x"] <= x <= box["x"] + box["w"] and box["y"] <= y <= box["y"] + box["h"]


def _inside(box: dict[str, float], x: float, y: float) -> bool:
    return box["x"] < x < box["x"] + box["w"] and box["y"] < y < box["y"] + box["h"]


def test_a_selection_is_shown_up(played: Any) -> None:
    view = played.views[-1]
    selection = Selection("tile", 3)
    shapes = drawing(view, selection)
    assert [box["key"] for box in shapes["boxes"] if box["on"]] == ["tile:3"]
    bright = {line["key"] for line in shapes["lines"] if line["on"]}
    drawn = {line["key"] for line in shapes["lines"]}
    assert bright == drawn & {f"link:{number}" for number in lit(view, selection)}
    assert {line["key"] for line in shapes["lines"] if line["faint"]} == drawn - bright
    inputs = drawing(view, Selection("tile", 0))["lines"]
    assert any(line["colour"] == colour(-1) for line in inputs)  # an input tile's inputs, too


def test_a_large_chip_is_shaded_and_draws_wires_where_asked(played: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DOTS", 10)
    monkeypatch.setattr(module, "MOST_LINES", 5)
    view = played.views[-1]
    shapes = drawing(view, None)
    assert (shapes["dots"], shapes["lines"]) == ([], [])
    assert "too many to draw" in shapes["note"]
    fills = {box["key"]: box["fill"] for box in shapes["boxes"]}
    assert all((fills[f"tile:{tile.tile}"] != grey(1)) == bool(tile.neurons) for tile in view.tiles)
    assert len(drawing(view, Selection("tile", 2))["lines"]) > 0


def test_broken_places_are_red(played: Any) -> None:
    view = played.views[-1]
    broken = replace(view.cells[1], sides=tuple(replace(side, used=0, capacity=0) for side in view.cells[1].sides))
    dead = replace(view.tiles[0], dead=True, neurons=())
    changed = replace(view, cells=(view.cells[0], broken, *view.cells[2:]), tiles=(dead, *view.tiles[1:]), links=())
    fills = {box["key"]: box["fill"] for box in drawing(changed, None)["boxes"]}
    assert fills["cell:1"] == fills["tile:0"] == "#cc3311"
    assert fills["cell:3"] != "#cc3311"
