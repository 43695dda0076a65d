"""How much each class counts in the loss where classes are unequally frequent (``training.class_weights``).

balanced: a sample of class c counts w[c] = mean over its rivals of n / n[c], n being training samples of a class, and
its rivals the classes that some experience brings together with c, itself included. In an experience that has all
samples of its classes, weights have mean 1, as in scikit-learn's ``class_weight="balanced"``; so the learning rate
keeps its meaning.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smalti.scheduler.streams import Stream


def class_weights(kind: str, stream: Stream) -> Tensor | None:
    """Factor on the loss of every class [classes]; None where all count alike.

    Args:
        kind: none or balanced.
        stream: whose training parts are counted, every task once.

    Raises:
        ValueError: the samples ask for no class.
    """
    if kind == "none":
        return None
    if stream.readout is not None:
        raise ValueError(
            f"training.class_weights = {kind!r} weighs classes, and stream {stream.name} asks for targets at single "
            "steps: set it to none; `weights` of a file say how much a step counts"
        )
    tasks = {experience.task: experience for experience in stream.experiences}.values()
    counts = np.zeros(stream.classes)
    together = np.eye(stream.classes, dtype=np.bool_)
    for experience in tasks:
        counts += np.bincount(experience.train.y, minlength=stream.classes)
        together[np.ix_(experience.classes, experience.classes)] = True
    there = counts > 0
    rivals = together & there
    means = rivals @ counts / np.maximum(rivals.sum(1), 1)
    return torch.from_numpy(np.divide(means, counts, out=np.ones_like(counts), where=there)).float()
