from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("solara", reason="the extra dashboard is not installed")

from smalti.analysis.dashboard.colouring import CLUSTER, TASK
from smalti.analysis.dashboard.drawing import OTHERS, colour
from smalti.analysis.dashboard.replay import Recorded, recorded

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@contextmanager
def page(run: Recorded) -> Iterator[Any]:
    """The page, without a browser."""
    import reacton

    from smalti.analysis.dashboard.app import ReplayPage

    box, context = reacton.render(ReplayPage(run), handle_error=False)
    try:
        yield box
    finally:
        context.close()


def widgets(within: Any) -> Iterator[Any]:
    """All that are on the page."""
    yield within
    for child in getattr(within, "children", ()):
        if not isinstance(child, str):
            yield from widgets(child)


def drawn(box: Any) -> dict[str, Any]:
    """The shapes of the chip."""
    shapes: dict[str, Any]
    (shapes,) = (widget.drawing for widget in widgets(box) if hasattr(widget, "drawing"))
    return shapes


def fills(box: Any) -> dict[int, str]:
    """Colour of every neuron by its id."""
    return {int(dot["key"].removeprefix("neuron:")): dot["fill"] for dot in drawn(box)["dots"] if dot["key"]}


def said(box: Any) -> str:
    texts = [str(w.unsafe_innerHTML) for w in widgets(box) if hasattr(w, "unsafe_innerHTML")]
    texts += [child for widget in widgets(box) for child in getattr(widget, "children", ()) if isinstance(child, str)]
    return "\n".join(texts)


def choices(box: Any) -> list[Any]:
    return [widget for widget in widgets(box) if getattr(widget, "label", None) == "colour by"]


def slide(box: Any, number: int) -> None:
    (slider,) = (w for w in widgets(box) if type(w).__name__ == "Slider")
    slider.v_model = number


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_run_without_snapshots_has_no_choice(folder: Path) -> None:
    with page(recorded(folder)) as box:
        assert choices(box) == []
        assert "task 0" in [entry["name"] for entry in drawn(box)["legend"]]


def test_clusters_follow_the_round(joint_run: Path, tmp_path: Path) -> None:
    """To the last moment before; without the first snapshot nobody has a cluster in the first round."""
    copy = shutil.copytree(joint_run, tmp_path / "run")
    shutil.rmtree(copy / "snapshots" / "round-00000")
    run = recorded(copy)
    with page(run) as box:
        (choice,) = choices(box)
        assert (choice.v_model, choice.items) == (TASK, [TASK, CLUSTER])
        assert set(fills(box).values()) == {colour(0)}
        choice.v_model = CLUSTER
        wait_for(lambda: "clusters after round" in said(box))
        for number in (2, 1):
            slide(box, number)
            wait_for(lambda number=number: f"clusters after round <b>{number}</b>" in said(box))
            moment, clusters = run.clusters_at(number)
            assert moment == number
            wanted = {n: colour(clusters[n]) if n in clusters else OTHERS for n in fills(box)}
            assert fills(box) == wanted
            assert len({*wanted.values()}) > 2
        slide(box, 0)
        wait_for(lambda: "there is no snapshot so early" in said(box))
        assert set(fills(box).values()) == {OTHERS}
        choices(box)[0].v_model = TASK
        wait_for(lambda: set(fills(box).values()) == {colour(0)})


def test_what_cannot_be_asked_is_said_without_folders(joint_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(joint_run, tmp_path / "run")
    (copy / "snapshots" / "round-00001" / "checkpoint" / "state.safetensors").unlink()
    with page(recorded(copy)) as box:
        choices(box)[0].v_model = CLUSTER
        wait_for(lambda: "no checkpoint" in said(box))
        assert str(tmp_path) not in said(box)
        assert set(fills(box).values()) == {colour(0)}


def test_where_neurons_changed_places_it_is_said_unless_a_snapshot_knows_better(folder: Path) -> None:
    run = recorded(folder)
    swapped = replace(run, rounds=(*run.rounds[:-1], {**run.rounds[-1], "swapped": 2}))
    for one, wanted in ((run, False), (swapped, True), (replace(swapped, kept={run.last: folder}), False)):
        with page(one) as box:
            assert ("each is drawn where it was last" in said(box)) == wanted
