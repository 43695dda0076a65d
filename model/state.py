"""State of the chip: one storage for every engine. Knows no links, no engine and no growth."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric
from smalti.model.kinds import NO_KIND, Cell
from smalti.model.neuron import NetworkOptions
from smalti.model.storage import copy_into


@dataclass(frozen=True)
class ChipState:
    """Storage of the chip; tensors are changed in place, never replaced."""

    weight: Tensor  # [K, R, n] float: crossbar devices, zero where not in use
    mask: Tensor  # [K, R, n] bool: devices in use
    frozen: Tensor  # [K, R, n] bool: devices protected from learning
    stage: Tensor  # [K, R, n] int32: growth event of its expert that laid the device, 0 at the opening or not in use
    source: Tensor  # [K, R] int: what drives a row: slot 0..N-1, channel N..N+I-1, or FREE = -1; written by Links
    alive: Tensor  # [N] bool: slots that hold a neuron
    output: Tensor  # [N] bool: those of them that are output units
    kind: Tensor  # [N] int32: place of the neuron's kind in ``network.kinds``, NO_KIND for outputs and without kinds
    leak: Tensor  # [N] float64: share of a hidden membrane that is left after a step
    synapse: Tensor  # [N] float64: share of the synaptic current that is left; 0 without a slow synapse
    strength: Tensor  # [N] float64: rise of the threshold by a spike; 0 where it does not adapt
    recovery: Tensor  # [N] float64: share of that rise that is left

    @staticmethod
    def empty(fabric: Fabric, options: NetworkOptions, source: Tensor) -> ChipState:
        """A chip without neurons.

        Args:
            fabric: the chip.
            options: precision and device, and the leak that slots have without a kind.
            source: what drives each row [K, R]; kept as it is, on the CPU.
        """
        shape, device = (fabric.tiles, fabric.rows_per_tile, fabric.slots), torch.device(options.device)
        constants = torch.zeros(fabric.neurons, dtype=torch.float64, device=device)
        return ChipState(
            weight=torch.zeros(shape, dtype=options.dtype, device=device).requires_grad_(),
            mask=torch.zeros(shape, dtype=torch.bool, device=device),
            frozen=torch.zeros(shape, dtype=torch.bool, device=device),
            stage=torch.zeros(shape, dtype=torch.int32, device=device),
            source=source,
            alive=torch.zeros(fabric.neurons, dtype=torch.bool, device=device),
            output=torch.zeros(fabric.neurons, dtype=torch.bool, device=device),
            kind=torch.full((fabric.neurons,), NO_KIND, dtype=torch.int32, device=device),
            leak=torch.full_like(constants, options.leak),
            synapse=constants,
            strength=constants.clone(),
            recovery=constants.clone(),
        )

    def constants(self, options: NetworkOptions, slots: Tensor | None = None) -> tuple[Tensor, ...]:
        """Leak, synapse, strength and recovery of every slot [N], or of some, in the network's precision.

        Outputs only leak.
        """
        kinds = (self.leak, self.synapse, self.strength, self.recovery, self.output)
        *every, output = kinds if slots is None else (values[slots] for values in kinds)
        own = (options.output_leak, 0.0, 0.0, 0.0)
        return tuple(
            values.to(options.dtype).masked_fill(output, value) for values, value in zip(every, own, strict=True)
        )

    def become(self, slot: int, cell: Cell) -> None:
        """Give a slot the constants of a cell."""
        self.kind[slot] = cell.kind
        self.leak[slot], self.synapse[slot] = cell.leak, cell.synapse
        self.strength[slot], self.recovery[slot] = cell.strength, cell.recovery

    def state_dict(self) -> dict[str, Tensor]:
        """All tensors but ``source``, which follows the links."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "source"}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave, in place.

        Raises:
            ValueError: a tensor is missing or has another shape; nothing has changed then.
        """
        copy_into(self.state_dict(), state, "state")


def device_bytes(options: NetworkOptions) -> int:
    """Bytes of a crosspoint in training: what chip, wear and optimiser hold of it, its gradient, and counting."""
    weight, flags, stage, writes, moments, counted = options.dtype.itemsize, 2, 4, 4, 3, 8
    return weight * (2 + moments) + flags + stage + writes + counted
