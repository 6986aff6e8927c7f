"""The gradient of a function of a whole optimiser step: however it is cut, the one that autograd has of it at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.joint_gradient import Rows, accumulate_jointly
from rewardsmith.engine.training.subject import StepOutput

ROWS = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class Batch:
    """Items, and which of them are no copies."""

    items: Tensor
    counts: Tensor

    def to(self, device: torch.device) -> Batch:
        return replace(self, items=self.items.to(device), counts=self.counts.to(device))


def cut(*sizes: int) -> list[Batch]:
    return [Batch(part, torch.ones(len(part), dtype=torch.bool)) for part in ROWS.split(sizes)]


def network(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Dropout(dropout)).train()


def contrast(values: Tensor) -> Tensor:
    """No sum over rows, nor over parts of them."""
    return (values @ values.T).logsumexp(1).mean() / values.std()


def size(output: Tensor, batch: Batch) -> StepOutput:
    """A loss that is a sum over rows."""
    costs = output.square().sum(1) * batch.counts
    return StepOutput(costs.sum(), costs.detach(), {"num_rows": batch.counts.sum()})


def gradient(
    model: nn.Module, batches: Sequence[Batch], objective: Callable[[Tensor], Tensor] = contrast
) -> tuple[list[Tensor], Tensor, list[StepOutput]]:
    model.zero_grad()
    outputs, value = accumulate_jointly(
        model,
        batches,
        lambda model, batch: model(batch.items),
        lambda output, batch: Rows(output, batch.counts),
        objective,
        size,
        make_accelerator("cpu"),
    )
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None], value, outputs


def at_once(model: nn.Module) -> tuple[list[Tensor], Tensor]:
    """What autograd says."""
    model.zero_grad()
    output = model(ROWS)
    value = contrast(output)
    (value + output.square().sum()).backward()
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None], value.detach()


@pytest.mark.parametrize("sizes", [(12,), (3, 3, 3, 3), (1, 7, 4), (1,) * 12])
def test_the_cut_of_a_step_changes_nothing(sizes: tuple[int, ...]) -> None:
    model = network()
    wanted, value = at_once(model)
    found, same, outputs = gradient(model, cut(*sizes))
    torch.testing.assert_close(same, value)
    assert wanted
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    assert sum(int(output.totals["num_rows"]) for output in outputs) == 12
    own = sum(float(output.loss) for output in outputs)
    assert own == pytest.approx(model(ROWS).square().sum().item(), rel=1e-5)


def test_copies_that_fill_up_have_no_part_in_it() -> None:
    model = network()
    wanted, value = at_once(model)
    first, second = cut(7, 5)
    copy = replace(first, counts=torch.zeros_like(first.counts))
    found, same, _ = gradient(model, [first, copy, second])
    torch.testing.assert_close(same, value)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("sizes", "num_runs"), [((12,), 1), ((6, 6), 4), ((4, 4, 4), 6)])
def test_a_single_micro_batch_is_run_once_and_others_twice(sizes: tuple[int, ...], num_runs: int) -> None:
    model, runs = network(), []
    model.register_forward_hook(lambda *_: runs.append(1))
    gradient(model, cut(*sizes))
    assert len(runs) == num_runs


def test_both_passes_drop_the_same_and_draw_as_one() -> None:
    """As the dropout of adapters does, which takes whatever number comes next."""
    model, batches = network(dropout=0.5), cut(6, 6)
    torch.manual_seed(2)
    found, value, _ = gradient(model, batches)
    after = torch.rand(3)
    torch.manual_seed(2)
    model.zero_grad()
    output = torch.cat([model(batch.items) for batch in batches])
    assert torch.equal(torch.rand(3), after)
    (contrast(output) + output.square().sum()).backward()
    torch.testing.assert_close(value, contrast(output).detach())
    for one, parameter in zip(found, model.parameters(), strict=True):
        torch.testing.assert_close(one, parameter.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sizes", [(12,), (5, 7)])
def test_what_else_the_objective_reads_gets_its_gradient(sizes: tuple[int, ...]) -> None:
    model, place = network(), torch.ones(4, requires_grad=True)
    gradient(model, cut(*sizes), lambda values: (values @ place).square().mean())
    with torch.no_grad():
        values = model(ROWS)
        by_hand = 2 * ((values @ place)[:, None] * values).mean(0)
    assert place.grad is not None
    torch.testing.assert_close(place.grad, by_hand)


def test_a_value_that_is_not_finite_shows_in_the_losses() -> None:
    _, _, outputs = gradient(network(), cut(6, 6), lambda values: values.sum() / 0)
    assert not any(output.loss.isfinite() for output in outputs)


def test_nothing_flows_where_the_objective_does_not_look() -> None:
    model = network()
    alone, _, _ = gradient(model, cut(6, 6), lambda values: 0 * values.sum())
    model.zero_grad()
    output: Any = model(ROWS)
    output.square().sum().backward()
    for one, parameter in zip(alone, model.parameters(), strict=True):
        torch.testing.assert_close(one, parameter.grad)
