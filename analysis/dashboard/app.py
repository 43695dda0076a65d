"""The page itself. Solara calls ``Page`` once for every browser tab; ``server.serve`` says before what it shows."""

from __future__ import annotations

from html import escape

import solara
from mesa.visualization.solara_viz import ModelController, ModelCreator
from mesa.visualization.utils import update_counter

from smalti.analysis.dashboard.components import Board
from smalti.analysis.dashboard.curves import curves_svg
from smalti.analysis.dashboard.live import Live, Source, Tuning
from smalti.analysis.dashboard.replay import Recorded
from smalti.analysis.dashboard.selection import Selection
from smalti.analysis.dashboard.style import STYLE
from smalti.analysis.dashboard.tuning import Sliders, start_choices
from smalti.analysis.dashboard.view import View

PAUSE = 100  # milliseconds between rounds, in which clicks are heard

shown: list[Source | Recorded] = []  # one, put there by the server before it starts


@solara.component
def Page() -> None:
    """Whatever the server was started with."""
    (source,) = shown
    solara.Title("Smalti")
    solara.Style(STYLE)
    if isinstance(source, Recorded):
        ReplayPage(source)
    else:
        LivePage(source)


@solara.component
def LivePage(source: Source) -> None:
    """A simulation, driven by Mesa's controls."""
    update_counter.get()  # Mesa's controls count it up after a step
    model = solara.use_reactive(solara.use_memo(lambda: Live(source), []))
    parameters: solara.Reactive[dict[str, object]] = solara.use_reactive({})
    selection: solara.Reactive[Selection | None] = solara.use_reactive(None)
    tuning = solara.use_reactive(Tuning.of(source.config))
    pause, every, apart = solara.use_reactive(PAUSE), solara.use_reactive(1), solara.use_reactive(False)
    live = model.value
    live.tuning = tuning.value
    solara.use_effect(lambda: live.close, [live])

    def controls() -> None:
        ModelController(
            model, model_parameters=parameters, play_interval=pause, render_interval=every, use_threads=apart
        )
        _headline(live.view, "ready" if live.view.round < 0 else live.view.decision)
        if live.failure:
            solara.Error(live.failure)
        _heading("applied from the next round on")
        Sliders(tuning.value, tuning.set)
        _heading("applied by Reset, which starts anew")
        with solara.Column(gap="4px"):
            ModelCreator(model, start_choices(source), model_parameters=parameters)

    Board(live.view, live.curves, selection, controls)


@solara.component
def ReplayPage(run: Recorded) -> None:
    """A recorded run, round by round."""
    number = solara.use_reactive(run.last)
    selection: solara.Reactive[Selection | None] = solara.use_reactive(None)
    view = solara.use_memo(lambda: run.at(number.value), [number.value])
    curves = solara.use_memo(lambda: curves_svg(view), [number.value])

    def controls() -> None:
        with solara.Row():
            solara.Button("◀", on_click=lambda: number.set(number.value - 1), disabled=number.value == 0)
            solara.Button("▶", on_click=lambda: number.set(number.value + 1), disabled=number.value == run.last)
        solara.SliderInt("round", value=number, min=0, max=run.last, thumb_label=False)
        _headline(view, str(run.folder.path))
        if run.swapped:
            solara.Warning("neurons changed places in this run; each is drawn where it was last")

    Board(view, curves, selection, controls)


def _heading(text: str) -> None:
    solara.HTML(tag="h4", unsafe_innerHTML=text)


def _headline(view: View, text: str) -> None:
    alive = sum(len(tile.neurons) for tile in view.tiles)
    where = f"after round {view.round}" if view.round >= 0 else "before the first round"
    task = f"task {view.task}, " if view.task >= 0 else ""
    done = f"{view.round + 1} of {view.total} rounds done; " if view.total else ""
    lines = f"<b class='rounds'>{where}</b> {done}{task}{alive} neurons, {len(view.links)} links<br>{escape(text)}"
    solara.HTML(tag="p", unsafe_innerHTML=lines, classes=["headline"])
