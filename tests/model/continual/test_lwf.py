from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div

from smalti.model.continual import Method, Task
from smalti.model.continual.lwf import distillation

OLD = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
NEW = torch.randn(6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_distillation_is_that_of_torch(temperature: float) -> None:
    student, teacher = (NEW / temperature).log_softmax(1), (OLD / temperature).log_softmax(1)
    wanted = temperature**2 * kl_div(student, teacher, reduction="batchmean", log_target=True)
    torch.testing.assert_close(distillation(OLD, NEW, temperature), wanted)
    assert distillation(OLD, OLD, temperature).item() == pytest.approx(0, abs=1e-15)


def test_its_gradient_is_that_of_the_published_cross_entropy() -> None:
    """Li and Hoiem: cross-entropy of p^(1/T), normalised, which is softmax(logits / T)."""
    powers = OLD.softmax(1) ** 0.5
    softened, logits = powers / powers.sum(1, keepdim=True), NEW.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(4 * cross_entropy(logits / 2, softened), logits)
    (found,) = torch.autograd.grad(distillation(OLD, logits, 2.0), logits)
    torch.testing.assert_close(found, wanted)


def test_every_old_label_set_is_distilled_within_itself(make: Callable[..., Method], task: Callable[..., Task]) -> None:
    sets = torch.tensor([[True, True, False, False, False], [False, False, True, True, False]])
    method, rows = make("lwf", lwf_strength=3.0), torch.tensor([4, 0, 5])
    method.begin_task(task(1, old=sets, answers=lambda: OLD))
    found = method.loss(NEW[:3], rows)
    wanted = sum(distillation(OLD[rows][:, s], NEW[:3, s], 2.0) for s in (slice(0, 2), slice(2, 4)))
    torch.testing.assert_close(found, 3 * wanted)
    assert method.stored_values == OLD.numel() + sets.numel()
    method.end_task(task(1))
    assert method.stored_values == 0


def test_the_first_task_has_nothing_to_keep(make: Callable[..., Method], task: Callable[..., Task]) -> None:
    method = make("lwf")
    method.begin_task(task(0, answers=lambda: OLD))
    assert method.loss(NEW, torch.arange(6)) is None


def test_outputs_at_every_step_are_kept_near_what_they_were(
    make: Callable[..., Method], task: Callable[..., Task]
) -> None:
    before = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    method, rows = make("lwf", lwf_strength=3.0), torch.tensor([4, 0, 5])
    method.begin_task(task(1, old=torch.ones(1, 3, dtype=torch.bool), answers=lambda: before))
    found = method.loss(before[rows] + 0.5, rows)
    assert found is not None
    assert found.item() == pytest.approx(3 * 3 * 0.25)  # three outputs, each a half away, at every step
