"""Filamentary ReRAM as in Wan et al., Nature 608, 504 (2022), doi 10.1038/s41586-022-04992-8.

The standard deviation from the target conductance g in uS, x = g / 40 uS, was read off the publication's figures and
fitted by IBM's aihwkit (``ReRamWan2022NoiseModel``, MIT) at three ages:

    1 s      .348 + 16.030 x - 43.853 x^2 + 45.393 x^3 - 16.815 x^4
    1 day    .701 + 22.086 x - 50.773 x^2 + 47.095 x^3 - 16.458 x^4
    2 days   .782 + 20.274 x - 43.507 x^2 + 37.062 x^3 - 11.934 x^4

A programmed device has that of 1 s. Between the ages the variance s(t)^2 is taken to be linear in ln t, and later than
2 days, of which nothing was measured, it stays. One draw makes a device drift all along: it moves by
sqrt(s(t)^2 - s(1 s)^2) times that draw, and not at all where the fits say that the spread is less than at 1 s.
Conductances are not negative. Read noise is about 1 % of the largest weight, as the same source advises: .01 x 40 uS /
sqrt 2 of each device of a pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from smalti.model.devices.options import DevicesOptions

SECOND, DAY = 1.0, 86400.0
FITS = (  # coefficients of 1, x, x^2, x^3, x^4, by age
    (SECOND, (0.348, 16.030, -43.853, 45.393, -16.815)),
    (DAY, (0.701, 22.086, -50.773, 47.095, -16.458)),
    (2 * DAY, (0.782, 20.274, -43.507, 37.062, -11.934)),
)
HIGHEST = 40.0  # uS
READ = 0.01 * HIGHEST / math.sqrt(2)


@dataclass(frozen=True)
class ReramWan:
    """The polynomials above."""

    lowest: float = 0.0
    highest: float = HIGHEST
    exact: bool = False

    @staticmethod
    def of(options: DevicesOptions) -> ReramWan:
        """Nothing to set."""
        return ReramWan()

    def programmed(self, target: Tensor, largest: Tensor, draw: Tensor) -> Tensor:
        """With the spread of an age of 1 s."""
        return (target + draw * polynomial(target / HIGHEST, FITS[0][1])).clamp_(min=0)

    def drifted(self, target: Tensor, programmed: Tensor, age: Tensor, draw: Tensor) -> Tensor:
        """Spread further since."""
        more = spread(target, age).square() - polynomial(target / HIGHEST, FITS[0][1]).square()
        return (programmed + draw * more.clamp(min=0).sqrt()).clamp_(min=0)

    def reading(self, conductance: Tensor, age: Tensor) -> Tensor | None:
        """The same of all devices at all ages."""
        return torch.full_like(conductance, READ)


def polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """Sum of coefficients times ascending powers of x, by Horner's rule."""
    value = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value


def spread(target: Tensor, age: Tensor) -> Tensor:
    """Standard deviation from a target conductance [2, D] at an age [D], both ends of which are held."""
    logarithm = age.clamp(FITS[0][0], FITS[-1][0]).log()
    variance = torch.zeros_like(target)
    for (first, of_first), (last, of_last) in pairwise(FITS):
        begin, end = math.log(first), math.log(last)
        share = ((logarithm - begin) / (end - begin)).to(target)
        here = (logarithm >= begin) & (logarithm <= end)
        early, late = (polynomial(target / HIGHEST, fit).square() for fit in (of_first, of_last))
        variance = torch.where(here, early + share * (late - early), variance)
    return variance.sqrt()
