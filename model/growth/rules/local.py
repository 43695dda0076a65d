"""Growth by local rules: growth cones follow spike timing over distance; no error signal.

A newborn begins with one source, drawn by how often sources fire. Then cone after cone connects to the source that is
most attractive: one that fired shortly before the newborn's own body did, and is near,

    A_p = 1 / distance_p  E sum_t S[t] sum_(d >= 1) a^d z_p[t-d],

(with a slow synapse its response instead of a^d), and that source is excluded. After Lopez-Randulfe and Larsen (arXiv
2010.15045), where cones move through space; here distance is counted in tiles, and the window in which a spike attracts
is the newborn's own membrane time constant. The rule finds a topology: all weights are equal and excitatory,
calibrated; fan-out zero. (Inhibition alone never fires, so that there is no sign to choose by an error.)
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smalti.model.growth.newborns.calibrate import calibrate
from smalti.model.growth.newborns.proposal import Proposal, finish
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.signal import TileSignal
from smalti.model.neuron import Dynamics

CONES = 6  # sources of a newborn
NOISE = 0.3  # spread of the logarithm of attraction, so that newborns of a tile differ


def local(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Newborns of a few sources each. Costs a calibration for each cone; keeps the function exactly."""
    rate = signal.drive.mean((0, 2))
    wired = signal.drive.new_zeros(count, len(rate))
    if not rate.any():
        return finish(signal, wired, options, dynamics, blind=True)
    before = _before(signal)
    noise = torch.from_numpy(generator.normal(scale=NOISE, size=(CONES, *wired.shape))).exp().to(rate)
    wired[torch.arange(count), torch.from_numpy(generator.choice(len(rate), count, p=_share(rate)))] = 1
    for cone in range(1, min(CONES, int((rate > 0).sum()))):
        spikes = calibrate(wired, signal.drive, options.target_rate, dynamics)[1]
        attraction = torch.einsum("tcb,tpb->cp", spikes, before) / signal.distance * noise[cone]
        attraction = torch.where(wired > 0, -1.0, attraction)
        best = attraction.argmax(1, keepdim=True)
        wired.scatter_(1, best, (attraction.gather(1, best) > 0).to(wired))
    return finish(signal, wired, options, dynamics, blind=True)


def _before(signal: TileSignal) -> Tensor:
    """What earlier spikes on the wires have left in each step [T, P, B], sum_(d >= 1) above."""
    kernel, drive = signal.traces.kernel, signal.drive
    if kernel.synapse:
        return signal.trace - drive
    before = kernel.leak * signal.trace.roll(1, 0)
    before[0] = 0
    return before


def _share(rate: Tensor) -> np.ndarray:
    share = rate.double().numpy()
    return np.asarray(share / share.sum())
