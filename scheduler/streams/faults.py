"""Faults of data, collected and told together: who mends a file needs to know all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

ALSO = "; also: "  # between two faults


class Faults:
    """What is wrong with something.

    Args:
        origin: what it is called; messages begin with it and a colon.
    """

    def __init__(self, origin: str) -> None:
        self.origin, self.said = origin, list[str]()

    @contextmanager
    def during(self) -> Iterator[None]:
        """Around a check: a ValueError ends it and is noted."""
        try:
            yield
        except ValueError as error:
            self.said.append(str(error).removeprefix(f"{self.origin}: "))

    def tell(self) -> None:
        """Raise what was noted.

        Raises:
            ValueError: naming the origin once, and every fault.
        """
        if self.said:
            raise ValueError(f"{self.origin}: {ALSO.join(dict.fromkeys(self.said))}")
