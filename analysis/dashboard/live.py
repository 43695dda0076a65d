"""A simulation that a page can drive: Mesa's controls step it, sliders tune it between rounds, a view is left behind.

A round runs on a thread of its own, so that whoever cancels a page's thread never stops it half way.
"""

from __future__ import annotations

import traceback
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import mesa

from smalti.analysis.dashboard.curves import curves_svg
from smalti.analysis.dashboard.view import Books, Row, View, view_of
from smalti.analysis.units import USUAL_SCORE
from smalti.model.chip.fabric import Fabric
from smalti.model.chip.ledger import Ledger
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.records import rows as tables
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import Stream, load_stream

PRICES = ("slot_price", "row_price", "wire_price")
GROWTH = ("births", "candidates", "max_neurons", "enough_loss")


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Options that may change while a simulation runs: they are read anew in every round."""

    slot_price: float
    row_price: float
    wire_price: float
    births: int
    candidates: int
    max_neurons: int
    enough_loss: float

    @classmethod
    def of(cls, config: Config) -> Tuning:
        """Those of a configuration."""
        prices: dict[str, Any] = {name: getattr(config.auction, name) for name in PRICES}
        return cls(**prices, **{name: getattr(config.growth, name) for name in GROWTH})

    def applied(self, config: Config) -> Config:
        """The configuration with these options.

        Raises:
            ValueError: for a value that is not allowed.
        """
        auction = replace(config.auction, **{name: getattr(self, name) for name in PRICES})
        growth = replace(config.growth, **{name: getattr(self, name) for name in GROWTH})
        return replace(config, auction=auction, growth=growth)


@dataclass(frozen=True)
class Source:
    """What a page simulates."""

    config: Config  # resolved
    stream: Stream  # loaded once for all pages


def live_source(config: Config) -> Source:
    """Load the data of a configuration and make sure that it can be simulated.

    Raises:
        ValueError: for data or a chip that does not fit the configuration, naming the cure.
    """
    config = config.resolved()
    return Source(config, Simulation(config).stream)


class Live(mesa.Model):  # type: ignore[misc]
    """What Mesa's ModelController plays: ``step`` is a round, ``running`` ends with the last one.

    Args:
        source: configuration and data.
        rows, cols: size of the chip; the data must be loaded again where ``cols`` changes the input channels.
        rule, when: of growth.
        seed: of all random numbers.
    """

    def __init__(
        self, source: Source, rows: int = 0, cols: int = 0, rule: str = "", when: str = "", seed: int | None = None
    ) -> None:
        super().__init__(seed=seed)
        self.failure = ""  # why it cannot go on
        self.config = source.config
        self.simulation: Simulation | None = None
        self._bids: list[Row] = []
        self._rounds: list[Row] = []
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="round")
        try:
            self.config = chosen(source.config, rows, cols, rule, when, seed)
            self.simulation = Simulation(self.config, _stream_for(source, self.config))
        except ValueError as error:
            self.config = source.config
            self._fail(str(error))
        self.tuning = Tuning.of(self.config)  # set by the page at any time, applied before the next round
        self.view = self._view()
        self.curves = curves_svg(self.view)

    def step(self) -> None:
        """One round, on the worker's thread; a failure ends the simulation and is told by ``failure``."""
        try:
            self._worker.submit(self._play).result()
        except (RuntimeError, CancelledError):  # closed meanwhile: what the round raises, it has told itself
            self.running = False

    def close(self) -> None:
        """Nobody looks any more: stop after the round in hand."""
        self.running = False
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _play(self) -> None:
        simulation = self.simulation
        if simulation is None or self.failure or simulation.finished:
            self.running = False
            return
        try:
            self._tune(simulation)
            simulation.step()
        except (ValueError, FloatingPointError) as error:
            self._fail(str(error))
            return
        except Exception as error:  # none of the user's doing: the page says what, the terminal where
            traceback.print_exc()
            self._fail(f"{type(error).__name__}: {error}")
            return
        self._rounds += simulation.rows.rounds
        self._bids = list(simulation.rows.bids) or self._bids
        view = self._view()
        self.curves = curves_svg(view)  # here and not by the page: clicks need not wait for it
        self.view = view
        self.running = not simulation.finished

    def _tune(self, simulation: Simulation) -> None:
        """Hand changed options to those who hold them."""
        config = self.tuning.applied(simulation.config)
        if config != simulation.config:
            self.config = simulation.config = config
            simulation.gating.growth = simulation.grower.options = config.growth
            simulation.grower.prices.options = config.auction

    def _fail(self, message: str) -> None:
        self.failure, self.running = message, False

    def _view(self) -> View:
        simulation = self.simulation
        if simulation is None:
            fabric = Fabric(self.config.fabric)
            ports = tables.port_rows(-1, Ledger(fabric))
            books = Books(rounds=(), neurons=(), links=(), ports=ports, bids=())
            return view_of(self.config, fabric, books, -1, 0)
        ports = tables.port_rows(simulation.round, simulation.network.links.ledger)
        books = Books(
            rounds=tuple(self._rounds),
            neurons=simulation.registry.neurons,
            links=simulation.registry.links,
            ports=ports,
            bids=tuple(self._bids),
            unit=simulation.grower.judge.criterion.unit,
            score=USUAL_SCORE if simulation.stream.readout is None else simulation.stream.readout.score,
        )
        number, decision = simulation.round - 1, simulation.gating.last.reason
        return view_of(self.config, simulation.fabric, books, number, simulation.total_rounds, decision)


def chosen(config: Config, rows: int, cols: int, rule: str, when: str, seed: int | None) -> Config:
    """A configuration with what the page chose for the next start; 0, "" and None leave it as it is.

    Raises:
        ValueError: for a value that is not allowed.
    """
    fabric = replace(config.fabric, rows=rows or config.fabric.rows, cols=cols or config.fabric.cols)
    growth = replace(config.growth, rule=rule or config.growth.rule, when=when or config.growth.when)
    run = replace(config.run, seed=config.run.seed if seed is None else seed)
    return replace(config, fabric=fabric, growth=growth, run=run)


def _stream_for(source: Source, config: Config) -> Stream:
    """The data as loaded, or anew for a chip of another width, which offers other input channels."""
    if config.fabric == source.config.fabric:
        return source.stream
    fabric = Fabric(config.fabric)
    return load_stream(config.stream, fabric.channels)
