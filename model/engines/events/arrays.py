"""Arrays of the event-driven engine: where they begin in memory, and how slots, units and banks map to each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from smalti.model.engines.events.plan import Array, Plan

CACHE_LINE = 64  # bytes


def aligned(size: int, dtype: Any) -> Array:
    """Zeros that begin at a cache line, as numpy's own arrays do not: half of all loads of lanes would cross one."""
    item = np.dtype(dtype).itemsize
    raw = np.zeros(size * item + CACHE_LINE, dtype=np.uint8)
    first = -raw.ctypes.data % CACHE_LINE
    zeros: Array = raw[first : first + size * item].view(dtype)
    return zeros


def line_up(values: Array, dtype: Any) -> Array:
    """An aligned copy of flat values, in this precision."""
    copy = aligned(values.size, dtype)
    copy[:] = values
    return copy


def to_units(flat: Array, lanes: int, samples: int) -> Array:
    """[banks * samples * lanes] -> [units, samples]."""
    return flat.reshape(-1, samples, lanes).swapaxes(1, 2).reshape(-1, samples)


def to_banks(units: Array, lanes: int) -> Array:
    """[units, samples] -> [banks * samples * lanes]."""
    flat = aligned(units.size, units.dtype)
    flat.reshape(-1, units.shape[1], lanes)[:] = units.reshape(-1, lanes, units.shape[1]).swapaxes(1, 2)
    return flat


def to_slots(plan: Plan, units: Array, neurons: int) -> Array:
    """[units, B] -> [N, B]."""
    slots = np.zeros((neurons, units.shape[1]), dtype=units.dtype)
    here = plan.slot >= 0
    slots[plan.slot[here]] = units[here]
    return slots


def from_slots(plan: Plan, slots: Array | None) -> Array | None:
    """[N, B] -> [units, B]; None where there is nothing but zeros."""
    if slots is None:
        return None
    units = slots[plan.slot]
    units[plan.slot < 0] = 0
    return units if units.any() else None
