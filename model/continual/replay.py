"""Experience replay (Chaudhry et al. 2019, arXiv 1902.10486): a minibatch of stored samples beside every minibatch.

The loss is the mean over both. The buffer is told a task's samples when it ends, so that only samples of earlier tasks
return, as in van de Ven et al. 2022; Chaudhry et al. tell it in every step of a single pass.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from torch import Tensor

from smalti.model.continual import buffer
from smalti.model.continual.method import Method, Task
from smalti.model.continual.options import ContinualOptions
from smalti.model.network import Network
from smalti.model.optimiser import Moments


class Replay(Method):
    """Keeps ``capacity`` samples."""

    recalls: ClassVar[bool] = True

    def __init__(self, options: ContinualOptions, network: Network, moments: Moments) -> None:
        super().__init__(options, network, moments)
        self.notes = buffer.empty()

    @property
    def stored_values(self) -> int:
        """Numbers that the stored samples consist of, with their classes."""
        return buffer.stored_values(self.notes)

    def recall(self, count: int, chance: np.random.Generator) -> Tensor:
        """As many stored samples as there are new ones, or all."""
        return buffer.draw(self.notes, count, chance)

    def end_task(self, task: Task) -> None:
        """Tell the buffer the task's samples."""
        self.notes = buffer.store(self.notes, task, self.options.sampler, self.options.capacity)
