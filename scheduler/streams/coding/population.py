"""Population code: every feature becomes several channels, each of which prefers a value of its own.

Gaussian tuning curves with centres evenly spaced over 0..1 (S. M. Bohte, J. N. Kok, H. La Poutre, Error-backpropagation
in temporally encoded networks of spiking neurons, Neurocomputing 48, 2002, doi 10.1016/S0925-2312(01)00658-0; of
populations in general C. Eliasmith, C. H. Anderson, Neural Engineering, MIT Press 2003). A channel at its centre fires
in every step; halfway between two centres both fire with probability exp(-1/2). So few random spikes tell small
differences, which the spikes of a single channel with the value as its probability lose in their chance.
"""

from __future__ import annotations

import numpy as np

from smalti.scheduler.streams.types import Floats

SHARPNESS = 2.0  # distance of two centres in standard deviations; Bohte et al.: 1.5
FEWEST, MOST = 2, 8  # channels a feature, where as many are taken as fit the chip


def cells_that_fit(features: int, max_channels: int) -> int:
    """Channels a feature, so that all fit the chip, within bounds."""
    return min(max(max_channels // features, FEWEST), MOST)


def coded_shape(shape: tuple[int, ...], cells: int) -> tuple[int, ...]:
    """Shape of the channels that features of a shape become: an image becomes planes, one for each centre."""
    if len(shape) == 1:
        return (shape[0] * cells,)
    planes = shape[0] if len(shape) == 3 else 1
    return (cells * planes, *shape[-2:])


def encode(x: Floats, shape: tuple[int, ...], cells: int) -> Floats:
    """Firing probabilities [S, T, I x cells] of features [S, T, I] in 0..1.

    The channels of a plain feature are neighbours; those of an image are planes, one for each centre.
    """
    centres = np.linspace(0, 1, cells, dtype=np.float32)
    width = np.float32(1 / (SHARPNESS * (cells - 1)))
    parts = [np.exp(-(((x - centre) / width) ** 2) / 2) for centre in centres]  # each [S, T, I]
    axis = 3 if len(shape) == 1 else 2
    return np.stack(parts, axis=axis).reshape(*x.shape[:2], -1).astype(np.float32, copy=False)
