"""The spiking network on its chip: one storage, its links, and the engine that runs it.

Nothing is ever reallocated: growth fills in slots, rows and devices of the fixed storage. Which classes the outputs
stand for and which neurons form an expert is decided above this layer.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric
from smalti.model.chip.faults import FaultMap
from smalti.model.chip.links import Links
from smalti.model.chip.slots import FreeSlots
from smalti.model.devices import DevicesOptions
from smalti.model.devices.draws import Chance, unseeded
from smalti.model.devices.memristors import Memristors
from smalti.model.engines import dense
from smalti.model.engines.choice import choose_engine
from smalti.model.engines.events.plan import Chip, make_plan
from smalti.model.kinds import Cell
from smalti.model.neuron import SURROGATES, Adaptation, Dynamics, NetworkOptions
from smalti.model.probe import DenseProbe, Probe
from smalti.model.state import ChipState

if TYPE_CHECKING:
    from smalti.model.engines.events.circuit import Circuit


CIRCUITS = 64  # most subsets of neurons whose plans are kept


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
        self._live = self.state.mask  # [K, R, n] bool: where something would be delivered, of the version below
        self._let_through: Tensor | None = None  # the same as numbers, where a device in use is hit
        self._live_version: object = None
        self._upstream: dict[bytes, Tensor] = {}  # slots -> whom they need, while links and devices stay as they are
        self._upstream_version: object = None
        self._circuits: dict[object, Circuit] = {}
        self._circuits_version: object = None

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
        return self.arriving(self.memristors.read())

    def live(self) -> Tensor | None:
        """Devices [K, R, n] bool, in use or not, from which something would arrive; None where no faults have come."""
        if self.links.faults is None:
            return None
        version = self.links.version, self.state.mask._version
        if version != self._live_version:
            self._live, self._live_version = self._find_live(self.links.faults), version
            hit = bool((self.state.mask & ~self._live).any())
            self._let_through = self._live.to(self.options.dtype) if hit else None
        return self._live

    def arriving(self, values: Tensor) -> Tensor:
        """Of values of devices in use [K, R, n] those that arrive; the others are 0. Free where no fault is met."""
        return values if self.live() is None or self._let_through is None else values * self._let_through

    def _find_live(self, faults: FaultMap) -> Tensor:
        live = ~torch.from_numpy(faults.slots).view(self.fabric.tiles, 1, -1).expand(self.state.mask.shape).clone()
        for source, tile in self.links.silent():
            live[tile, self.links.rows[source, tile]] = False
        return live.to(self.device)

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
                weight = self.arriving(self.memristors.training())
                membrane, counts, input_spikes, backward = record(weight, circuit, x)
                activity = Activity(outputs, membrane, counts)
                return Recorded(activity, input_spikes, lambda *slopes: self.arriving(backward(*slopes)))

            return by_events
        wiring, dynamics = self.wiring(), self.dynamics(running)

        def densely(x: Tensor) -> Recorded:
            self._check_input(x)
            weight = self.arriving(self.memristors.training())
            tape = dense.forward(weight, wiring, dynamics, self._columns(x))
            counts = tape.spikes.sum(0)

            def back(of_membrane: Tensor, of_counts: Tensor | None) -> Tensor:
                of_spikes = torch.zeros_like(counts) if of_counts is None else of_counts
                delta = dense.adjoints(weight, wiring, dynamics, tape, outputs, of_membrane, of_spikes)
                return self.arriving(dense.weight_gradient(wiring, tape, delta, weight.shape))

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

        weight, live = self.reading().detach(), self.live()
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

    def listened_to(self, listeners: Tensor) -> Tensor:
        """Neuron slots [N] bool whose spikes drive devices of the listeners [N] bool."""
        columns = listeners.view(self.fabric.tiles, 1, self.fabric.slots)
        here = torch.nonzero(columns.any(2).flatten()).flatten()  # tiles with listeners: mostly few
        sources = self.state.source[here.cpu()][(self.state.mask[here] & columns[here]).any(2).cpu()]
        slots = torch.zeros_like(listeners)
        slots[sources[(sources >= 0) & (sources < len(listeners))]] = True
        return slots

    def upstream_of(self, slots: Tensor) -> Tensor:
        """Neurons [N] bool that must run so that these slots [S] spike as they do: they, and whom they hear.

        Channels among them take no neuron.
        """
        version = self.links.version, self.state.mask._version
        if version != self._upstream_version:
            self._upstream, self._upstream_version = {}, version
        key = slots.cpu().numpy().tobytes()
        if key not in self._upstream:
            self._upstream[key] = self._follow_upstream(slots)
        return self._upstream[key].clone()

    def _follow_upstream(self, slots: Tensor) -> Tensor:
        fresh = mask = torch.zeros_like(self.state.alive)
        mask[slots[slots < len(mask)].to(mask.device)] = True
        while fresh.any():
            fresh = self.listened_to(fresh) & ~mask
            mask = mask | fresh
        return mask

    def wiring(self) -> dense.Wiring:
        """Links as the dense engine reads them, remade when they have changed."""
        if self._wiring is None or self._wired_version != self.links.version:
            source = self.state.source.to(self.device)
            self._wiring = dense.Wiring.of(source, self.fabric.neurons, self.channels)
            self._wired_version = self.links.version
        return self._wiring

    def circuit_of(self, chip: Chip, all_adjoints: bool = False, slots: Tensor | None = None) -> Circuit:
        """The chip as the event-driven engine reads it, or another one whose neurons are those of some slots [S]."""
        circuit: Circuit = _events("circuit").Circuit.of(
            make_plan(chip, all_adjoints),
            [values.numpy() for values in self.state.constants(self.options, slots)],
            self.options,
            self.threads,
        )
        return circuit

    def circuit(self, outputs: Tensor, running: Tensor | None = None, all_adjoints: bool = False) -> Circuit:
        """What runs as the event-driven engine reads it, remade when links, devices or neurons have changed.

        Args:
            outputs, running: as in ``run``.
            all_adjoints: adjoints of all neurons and gradients of all rows are wanted, not only those that learn.
        """
        state = self.state
        cells = state.leak, state.synapse, state.strength, state.recovery
        flags = state.mask, state.frozen, state.alive, state.output, *cells
        version = self.links.version, *(flag._version for flag in flags)  # torch counts changes in place
        if version != self._circuits_version:
            self._circuits, self._circuits_version = {}, version
        fires = self.fires(running).numpy()
        key = fires.tobytes(), outputs.numpy().tobytes(), all_adjoints, self.threads
        if key not in self._circuits:
            if len(self._circuits) >= CIRCUITS:
                del self._circuits[next(iter(self._circuits))]
            learns = state.mask if all_adjoints else state.mask & ~state.frozen
            chip = Chip(
                source=state.source.numpy(),
                mask=state.mask.numpy(),
                learns=learns.numpy(),
                fires=fires,
                outputs=outputs.numpy(),
                channels=self.channels,
            )
            self._circuits[key] = self.circuit_of(chip, all_adjoints)
        return self._circuits[key]

    def dynamics(self, running: Tensor | None = None) -> Dynamics:
        """Constants of every slot; whoever does not run has an infinite threshold."""
        options = self.options
        leak, synapse, strength, recovery = (values[:, None] for values in self.state.constants(options))
        threshold = torch.full_like(leak, options.threshold).masked_fill_(~self.fires(running)[:, None], float("inf"))
        return replace(
            self._shared_dynamics(leak, threshold),
            synapse=synapse if synapse.any() else None,
            adaptation=Adaptation(strength, recovery) if strength.any() else None,
        )

    def _shared_dynamics(self, leak: Tensor, threshold: Tensor) -> Dynamics:
        """Neurons of this leak and threshold, with what all neurons share."""
        options = self.options
        surrogate = SURROGATES[options.surrogate]
        return Dynamics(
            leak=leak,
            threshold=threshold,
            theta=options.threshold,
            hard=options.reset == "hard",
            reset_gradient=options.reset_gradient,
            surrogate=lambda distance: surrogate(distance, options),
        )

    def newborn_dynamics(self, cell: Cell | None = None) -> Dynamics:
        """Constants of one hidden neuron, as [1, 1] tensors; by default of one without a kind."""
        options, cell = self.options, cell or self.options.plain_cell

        def single(value: float) -> Tensor:
            return torch.full((1, 1), value, dtype=options.dtype, device=self.device)

        return replace(
            self._shared_dynamics(single(cell.leak), single(options.threshold)),
            synapse=single(cell.synapse) if cell.synapse else None,
            adaptation=Adaptation(single(cell.strength), single(cell.recovery)) if cell.strength else None,
            fused=self.engine == "events",
        )

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


def spikes_of_channels(x: Tensor) -> Tensor:
    """Input spikes of every channel [I] float64, all samples together, of x [B, T, I]."""
    whole = not x.is_floating_point()  # exact, and three times as fast
    return x.flatten(0, 1).sum(0, dtype=torch.int64 if whole else torch.float64).double()


def _events(module: str = "engine") -> Any:
    """The event-driven engine; imported when it is used, for numba is not installed everywhere."""
    return importlib.import_module(f"smalti.model.engines.events.{module}")
