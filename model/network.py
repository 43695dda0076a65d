"""The spiking network on its chip: one storage, its links, and the engine that runs it.

Nothing is ever reallocated: growth fills in slots, rows and devices of the fixed storage. Which classes the outputs
stand for and which neurons form an expert is decided above this layer.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from smalti.model.chip.arrivals import Arrivals
from smalti.model.chip.fabric import Fabric
from smalti.model.chip.faults import FaultMap
from smalti.model.chip.links import Links
from smalti.model.chip.slots import FreeSlots
from smalti.model.devices import DevicesOptions
from smalti.model.devices.draws import Chance, unseeded
from smalti.model.devices.memristors import Memristors
from smalti.model.engines import dense
from smalti.model.engines.choice import choose_engine
from smalti.model.entering import spikes_of_channels
from smalti.model.kinds import Cell
from smalti.model.neuron import Dynamics, NetworkOptions
from smalti.model.probe import DenseProbe, Probe
from smalti.model.state import ChipState
from smalti.model.upstream import Upstream

if TYPE_CHECKING:
    from smalti.model.engines.events.circuit import Circuit
    from smalti.model.engines.events.circuits import Circuits
    from smalti.model.engines.events.plan import Chip


@dataclass(frozen=True)
class Activity:
    """What a run of the network shows."""

    outputs: Tensor  # [O] int: slots of the output units asked for
    membrane: Tensor  # [T, O, B]: their membranes
    counts: Tensor  # [N, B]: spikes of every neuron over the sample


@dataclass(frozen=True)
class Recorded:
    """A run that can be gone back through: from the gradients of what it shows, None for zero, to the weights'."""

    activity: Activity
    input_spikes: Tensor  # [I] float64: of every channel, all samples together
    backward: Callable[[Tensor, Tensor | None], Tensor]  # of membranes [T, O, B] and counts [N, B] -> weights [K, R, n]


class Network:
    """A spiking network on a fabric.

    Args:
        fabric: the chip.
        channels: input channels I.
        options: neurons, readout and engine.
        threads: threads of the event-driven engine; by default as many as torch has. Beside that engine, torch itself
            is best left with one: its idle threads go on spinning for milliseconds and take the cores away.
        devices: of the crossbars; by default ideal ones.
        chance: random numbers of their writes and reads.
        seed: of the run, for what they are like before they are used.

    Raises:
        ValueError: for an engine that cannot run here, or devices that cannot be, saying what to install or to set.
    """

    def __init__(
        self,
        fabric: Fabric,
        channels: int,
        options: NetworkOptions,
        threads: int | None = None,
        devices: DevicesOptions | None = None,
        chance: Chance = unseeded,
        seed: int = 0,
    ) -> None:
        self.fabric, self.channels, self.options = fabric, channels, options
        self.engine = choose_engine(options)
        self.threads = threads
        self.links = Links(fabric, channels)
        self.device = torch.device(options.device)
        self.state = ChipState.empty(fabric, options, torch.from_numpy(self.links.source))
        self.memristors = Memristors(devices or DevicesOptions(), self, chance, seed)
        self._wiring: dense.Wiring | None = None
        self._wired_version = -1
        self._free = FreeSlots(fabric)
        self._dead: Tensor | None = None  # [N] bool: slots that never fire
        self.arrivals = Arrivals(self.state.mask, self.links)
        self.upstream = Upstream(self.state, self.links)

    @property
    def keeps_samples_apart(self) -> bool:
        """Whether a sample does the same, bit by bit, whichever others are in its batch and whenever it is asked."""
        return self.engine == "events" and not self.memristors.noisy

    def strike(self, faults: FaultMap, known: bool) -> None:
        """Faults have come and act from now on; if they are known, nothing is placed or routed there any more."""
        self._dead = torch.from_numpy(faults.slots).to(self.device)
        self.links.strike(faults, known)
        if known:
            self._free.shut(faults.unusable(self.fabric))

    def reading(self) -> Tensor:
        """What engines read [K, R, n]: the devices, but for what dead rows, slots and wires keep from arriving.

        It may be a buffer of the devices, good until the next reading: whoever keeps it copies it.
        """
        return self.arrivals.of(self.memristors.read())

    def free_slots(self, tiles: Iterable[int] | None = None) -> dict[int, list[int]]:
        """Slots without a neuron of these tiles, or of all, lowest first."""
        free = self._free.now(self.state.alive)
        chosen = range(self.fabric.tiles) if tiles is None else tiles
        return {tile: list(free[tile]) for tile in chosen}

    def run(self, x: Tensor, outputs: Tensor, running: Tensor | None = None) -> Activity:
        """Run a batch; gradients flow from membranes and counts to ``state.weight``.

        With ``torch.no_grad`` nothing is kept for a backward pass, and the run is faster. The event-driven engine gives
        frozen devices no gradient.

        Args:
            x: input spikes [B, T, I], any number or bool type.
            outputs: slots of the output units to read [O].
            running: neurons that take part [N] bool; the others stay silent. By default all that are alive.
        """
        self._check_input(x)
        weight = self.reading()
        if self.engine == "events":
            membrane, counts = _events().simulate(weight, self.circuit(outputs, running), x)
        else:
            columns = self._columns(x)
            membrane, counts = dense.simulate(weight, self.wiring(), self.dynamics(running), columns, outputs)
        return Activity(outputs, membrane, counts)

    def record(self, x: Tensor, outputs: Tensor, running: Tensor | None = None) -> Recorded:
        """Run a minibatch of training as ``run`` does, by ``devices.learning``; go back by hand, not by autograd."""
        return self.recorder(outputs, running)(x)

    def recorder(self, outputs: Tensor, running: Tensor | None = None) -> Callable[[Tensor], Recorded]:
        """``record`` for many batches: good until links, devices or neurons change."""
        if self.engine == "events":
            record, circuit = _events().record, self.circuit(outputs, running)

            def by_events(x: Tensor) -> Recorded:
                self._check_input(x)
                weight = self.arrivals.of(self.memristors.training())
                membrane, counts, input_spikes, backward = record(weight, circuit, x)
                activity = Activity(outputs, membrane, counts)
                return Recorded(activity, input_spikes, lambda *slopes: self.arrivals.of(backward(*slopes)))

            return by_events
        wiring, dynamics = self.wiring(), self.dynamics(running)

        def densely(x: Tensor) -> Recorded:
            self._check_input(x)
            weight = self.arrivals.of(self.memristors.training())
            tape = dense.forward(weight, wiring, dynamics, self._columns(x))
            counts = tape.spikes.sum(0)

            def back(of_membrane: Tensor, of_counts: Tensor | None) -> Tensor:
                of_spikes = torch.zeros_like(counts) if of_counts is None else of_counts
                delta = dense.adjoints(weight, wiring, dynamics, tape, outputs, of_membrane, of_spikes)
                return self.arrivals.of(dense.weight_gradient(wiring, tape, delta, weight.shape))

            return Recorded(Activity(outputs, tape.membrane[:, outputs], counts), spikes_of_channels(x), back)

        return densely

    def tape(self, x: Tensor, running: Tensor | None = None) -> dense.Tape:
        """All that a batch does, by the dense engine, whichever the network runs on; arguments as in ``run``."""
        weight = self.reading().detach()
        return dense.forward(weight, self.wiring(), self.dynamics(running), self._columns(x))

    def read(self, activity: Activity) -> Tensor:
        """Logits [B, O] of the outputs by the configured readout."""
        if self.options.readout == "spike_count":
            return activity.counts[activity.outputs].T
        if self.options.readout == "membrane_max":
            return activity.membrane.amax(0).T
        if self.options.readout == "membrane_last":
            return activity.membrane[-1].T
        return activity.membrane.mean(0).T

    def slopes_of_reading(self, slope: Tensor, activity: Activity) -> tuple[Tensor, Tensor | None]:
        """From a gradient with respect to logits [B, O] to that of output membranes [T, O, B] and counts [N, B]."""
        membrane, steps = activity.membrane, len(activity.membrane)
        if self.options.readout == "membrane_mean":
            if self.engine == "events":
                return _events("grading").of_mean(slope, steps), None
            return (slope.T / steps).expand(membrane.shape), None
        of_membrane = torch.zeros_like(membrane)
        if self.options.readout == "spike_count":
            return of_membrane, torch.zeros_like(activity.counts).index_copy_(0, activity.outputs, slope.T.contiguous())
        if self.options.readout == "membrane_last":
            of_membrane[-1] = slope.T
            return of_membrane, None
        highest = membrane == membrane.amax(0)  # where several steps are, they share
        return highest * (slope.T / highest.sum(0)), None

    def probe(
        self,
        x: Tensor,
        outputs: Tensor,
        loss: Callable[[Tensor], Tensor],
        running: Tensor | None = None,
        targets: Tensor | None = None,
        read: Callable[[Activity], Tensor] | None = None,
    ) -> Probe:
        """Spikes and adjoints of a batch, without touching any gradient of the weights.

        Args:
            x, outputs, running: as in ``run``.
            loss: from what is read to the loss of each sample [B].
            targets: slots whose adjoints will be asked for [D]; by default all that are alive.
            read: what the loss sees of the outputs; by default their logits [B, O], as ``self.read`` has them.
        """
        self._check_input(x)
        read = read or self.read

        def gradients(membrane: Tensor, counts: Tensor) -> tuple[Tensor, ...]:
            """Loss per sample, and its gradient with respect to output membranes and spike counts."""
            membrane, counts = membrane.detach().requires_grad_(), counts.detach().requires_grad_()
            losses = loss(read(Activity(outputs, membrane, counts)))
            of_membrane, of_counts = torch.autograd.grad(losses.sum(), (membrane, counts), materialize_grads=True)
            if self._dead is not None:  # whatever an output wants that is dead, nothing reaches it
                of_membrane = of_membrane.masked_fill(self._dead[outputs][:, None], 0)
            return losses.detach(), of_membrane, of_counts

        weight, live = self.reading().detach(), self.arrivals.live()
        if self.engine == "events":
            circuit = self.circuit(outputs, running, all_adjoints=True)
            with_adjoint = torch.nonzero(self.state.alive).flatten() if targets is None else targets
            probe: Probe = _events("probe").EventProbe.of(weight, circuit, x, gradients, with_adjoint, live)
            return probe
        wiring, dynamics = self.wiring(), self.dynamics(running)
        tape = dense.forward(weight, wiring, dynamics, self._columns(x))
        counts = tape.spikes.sum(0)
        losses, *wishes = gradients(tape.membrane[:, outputs], counts)
        delta = dense.adjoints(weight, wiring, dynamics, tape, outputs, *wishes)
        gradient = dense.weight_gradient(wiring, tape, delta, weight.shape)
        return DenseProbe(tape.presynaptic, delta, counts, losses, gradient if live is None else gradient * live)

    def wiring(self) -> dense.Wiring:
        """Links as the dense engine reads them, remade when they have changed."""
        if self._wiring is None or self._wired_version != self.links.version:
            source = self.state.source.to(self.device)
            self._wiring = dense.Wiring.of(source, self.fabric.neurons, self.channels)
            self._wired_version = self.links.version
        return self._wiring

    @cached_property
    def _circuits(self) -> Circuits:
        circuits: Circuits = _events("circuits").Circuits(self.state, self.links, self.channels, self.options)
        return circuits

    def circuit_of(self, chip: Chip, slots: Tensor) -> Circuit:
        """Another chip whose neurons are those of some slots [S], as the event-driven engine reads it."""
        return self._circuits.of_chip(chip, self.threads, slots=slots)

    def circuit(self, outputs: Tensor, running: Tensor | None = None, all_adjoints: bool = False) -> Circuit:
        """What runs as the event-driven engine reads it; arguments as in ``run`` and ``Circuits.of``."""
        return self._circuits.of(self.fires(running), outputs, all_adjoints, self.threads)

    def dynamics(self, running: Tensor | None = None) -> Dynamics:
        """Constants of every slot; whoever does not run has an infinite threshold."""
        leak, *own = (values[:, None] for values in self.state.constants(self.options))
        silent, theta = ~self.fires(running)[:, None], self.options.threshold
        return Dynamics.of(self.options, torch.full_like(leak, theta).masked_fill_(silent, float("inf")), leak, *own)

    def newborn_dynamics(self, cell: Cell | None = None) -> Dynamics:
        """Constants of one hidden neuron, as [1, 1] tensors; by default of one without a kind."""
        options, cell = self.options, cell or self.options.plain_cell
        values = options.threshold, cell.leak, cell.synapse, cell.strength, cell.recovery
        own = (torch.full((1, 1), value, dtype=options.dtype, device=self.device) for value in values)
        return replace(Dynamics.of(options, *own), fused=self.engine == "events")

    def fires(self, running: Tensor | None) -> Tensor:
        """Neurons that may fire [N] bool."""
        state = self.state
        fires = state.alive if running is None else state.alive & running
        fires = fires if self._dead is None else fires & ~self._dead
        return fires if self.options.readout == "spike_count" else fires & ~state.output

    def _check_input(self, x: Tensor) -> None:
        if x.dim() != 3 or x.shape[2] != self.channels:
            raise ValueError(
                f"input spikes have the shape {list(x.shape)}; give [samples, steps, {self.channels} input channels]"
            )
        if 0 in x.shape[:2]:
            raise ValueError(f"input spikes have the shape {list(x.shape)}: there is nothing to run")

    def _columns(self, x: Tensor) -> Tensor:
        """[B, T, I] of any type -> [T, I, B] of the network's."""
        return x.to(self.device).permute(1, 2, 0).to(self.options.dtype).contiguous()


def _events(module: str = "engine") -> Any:
    """The event-driven engine; imported when it is used, for numba is not installed everywhere."""
    return importlib.import_module(f"smalti.model.engines.events.{module}")
