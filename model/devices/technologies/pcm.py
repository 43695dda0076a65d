"""Phase-change memory: Nandakumar et al., ICECS 2019 (ieeexplore 8964852), as in aihwkit (``PCMLikeNoiseModel``, MIT).

With x = g / 25 uS, t the age in seconds, t_0 = 20 s, t_r = 250 ns:

    programming   standard deviation .26348 + 1.9650 x - 1.1731 x^2 uS
    drift         g(t) = g ((t + t_0) / t_0)^-nu,  nu = |m + s draw|,  one draw a device
                  m = clip(-.0155 ln x + .0244, .049, .1),  s = clip(-.0125 ln x - .0059, .008, .045), x of the target
    1/f noise     standard deviation g(t) min(.2, .0088 / x^.65) sqrt(ln((t + t_0 + t_r) / 2 t_r))

Conductances are not negative. Reading takes x of what is read, where aihwkit takes that of what was programmed.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from smalti.model.devices.options import DevicesOptions
from smalti.model.devices.technologies.reram_wan import polynomial

HIGHEST = 25.0  # uS
PROGRAMMING = (0.26348, 1.9650, -1.1731)
FIRST, READ = 20.0, 250e-9  # t_0 and t_r, s
LEAST = 1e-7  # of x


@dataclass(frozen=True)
class Pcm:
    """The equations above."""

    lowest: float = 0.0
    highest: float = HIGHEST
    exact: bool = False

    @staticmethod
    def of(options: DevicesOptions) -> Pcm:
        """Nothing to set."""
        return Pcm()

    def programmed(self, target: Tensor, largest: Tensor, draw: Tensor) -> Tensor:
        """With the error of the polynomial."""
        return (target + draw * polynomial(target / HIGHEST, PROGRAMMING)).clamp_(min=0)

    def drifted(self, target: Tensor, programmed: Tensor, age: Tensor, draw: Tensor) -> Tensor:
        """Fallen by a power of time."""
        return programmed * ((1 + age / FIRST).log().to(target) * -exponent(target, draw)).exp()

    def reading(self, conductance: Tensor, age: Tensor) -> Tensor | None:
        """1/f noise since it was programmed."""
        relative = (conductance / HIGHEST).clamp(min=0)
        share = (0.0088 / relative.pow(0.65).clamp(min=1e-3)).clamp(max=0.2)
        time = ((age + FIRST + READ) / (2 * READ)).log().sqrt().to(conductance)
        return conductance * share * time


def exponent(target: Tensor, draw: Tensor) -> Tensor:
    """nu of devices with these targets and draws [2, D]."""
    logarithm = (target / HIGHEST).clamp(min=LEAST).log()
    mean = (-0.0155 * logarithm + 0.0244).clamp(0.049, 0.1)
    deviation = (-0.0125 * logarithm - 0.0059).clamp(0.008, 0.045)
    return (mean + deviation * draw).abs()
