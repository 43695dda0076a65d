"""The page itself. Solara calls ``Page`` once for every browser tab; ``server.serve`` says before what it shows."""

from __future__ import annotations

import asyncio
from html import escape

import solara
import solara.lab
from mesa.visualization.solara_viz import ModelController
from mesa.visualization.utils import update_counter

from smalti.analysis.dashboard.colouring import CLUSTER, TASK, ColourBy
from smalti.analysis.dashboard.components import Board, Notice, without_folders
from smalti.analysis.dashboard.curves import curves_svg
from smalti.analysis.dashboard.live import Live, Source, Tuning
from smalti.analysis.dashboard.replay import Recorded
from smalti.analysis.dashboard.selection import Selection, neurons
from smalti.analysis.dashboard.style import STYLE
from smalti.analysis.dashboard.tuning import Choices, Sliders, first_choices, label
from smalti.analysis.dashboard.view import View

PAUSE = 100  # milliseconds between rounds, in which clicks are heard
PACE = 0.5  # seconds that a round is shown in playback

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
    parameters: solara.Reactive[dict[str, object]] = solara.use_reactive(first_choices(source))
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
        decision = "ready" if live.view.round < 0 else live.view.decision
        _headline(live.view, decision, source.config.run.quick)
        if live.failure:
            Notice(without_folders(live.failure))
        _heading("applied from the next round on")
        Sliders(tuning.value, live.view.unit, tuning.set)
        _heading("applied by Reset, which starts anew")
        with solara.Column(gap="0px"):
            Choices(source, parameters)

    Board(live.view, live.curves, selection, controls)


@solara.component
def ReplayPage(run: Recorded) -> None:
    """A recorded run, round by round."""
    number, playing = solara.use_reactive(run.last), solara.use_reactive(False)
    selection: solara.Reactive[Selection | None] = solara.use_reactive(None)
    view, failure = solara.use_memo(lambda: _looked_at(run, number.value), [number.value])
    curves = solara.use_memo(lambda: b"" if view is None else curves_svg(view), [view])
    by = solara.use_reactive(TASK)
    wanted = by.value == CLUSTER
    asked = solara.lab.use_task(
        lambda: run.clusters if wanted else None, dependencies=[wanted], prefer_threaded=True, raise_error=False
    )
    moment, clusters = run.clusters_at(number.value) if wanted and asked.value is not None else (-1, None)

    async def play() -> None:  # awaiting, so that it ends with the page and with the server
        while playing.value and number.value < run.last:
            await asyncio.sleep(PACE)
            if playing.value:
                number.value += 1
        playing.value = False

    solara.lab.use_task(play, dependencies=[playing.value], prefer_threaded=True)

    def controls() -> None:
        PlaybackButtons(number, playing, run.last)
        label(f"round: <b>{number.value}</b> of {run.last}")
        solara.SliderInt("", value=number, min=0, max=run.last, thumb_label=False)
        if view is not None:
            _headline(view, run.name, run.config.run.quick)
        if run.kept:
            ColourBy(by, moment, asked.value is None, None if asked.exception is None else str(asked.exception))
        if run.swapped and number.value not in run.kept:
            Notice("neurons changed places in this run; each is drawn where it was last")

    if view is None:
        Notice(failure)
        controls()
    else:
        Board(view, curves, selection, controls, clusters)


@solara.component
def PlaybackButtons(number: solara.Reactive[int], playing: solara.Reactive[bool], last: int) -> None:
    """Play and pause, and single steps; at the end play begins anew."""

    def toggle() -> None:
        if not playing.value and number.value == last:
            number.value = 0
        playing.value = not playing.value

    with solara.Row(justify="space-between"):
        back, on = (lambda: number.set(number.value - 1)), (lambda: number.set(number.value + 1))
        solara.Button("Back", color="primary", on_click=back, disabled=playing.value or number.value == 0)
        solara.Button("❚❚" if playing.value else "▶", color="primary", on_click=toggle, disabled=last == 0)
        solara.Button("Step", color="primary", on_click=on, disabled=playing.value or number.value == last)


def _looked_at(run: Recorded, number: int) -> tuple[View | None, str]:
    """The view after a round, or why it cannot be had."""
    try:
        return run.at(number), ""
    except ValueError as error:
        return None, without_folders(str(error))


def _heading(text: str) -> None:
    solara.HTML(tag="h4", unsafe_innerHTML=escape(text))


def _headline(view: View, text: str, quick: bool) -> None:
    alive = neurons(view)
    outputs = sum(one.kind == "output" for one in alive)
    where = f"after round {view.round}" if view.round >= 0 else "before the first round"
    task = f"task {view.task}, " if view.task >= 0 else ""
    done = f"{view.round + 1} of {view.total} rounds done; " if view.total else ""
    lines = f"<b class='rounds'>{where}</b> {done}{task}{len(alive) - outputs} neurons, {outputs} outputs, "
    lines += f"{len(view.links)} links<br>{escape(text)}"
    if quick:
        lines += "<br><b class='quick'>a quick run: its numbers mean nothing</b>"
    solara.HTML(tag="p", unsafe_innerHTML=lines, classes=["headline"])
