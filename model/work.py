"""Arithmetic that an answer takes, on the chip or off it. Knows nothing of who answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """Additions and multiplications of one sample, means; a multiply-add is one of each."""

    additions: float = 0.0
    multiplications: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(self.additions + other.additions, self.multiplications + other.multiplications)

    def __sub__(self, other: Work) -> Work:
        return self + other * -1.0

    def __mul__(self, factor: float) -> Work:
        return Work(self.additions * factor, self.multiplications * factor)
