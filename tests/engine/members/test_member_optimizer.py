"""One optimiser for all members against one of torch for each."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rewardsmith.engine.members.member_optimizer import MemberAdamW
from rewardsmith.engine.training.optimizers import load_optimizer_tensors, optimizer_tensors

NUM_MEMBERS = 4
SHAPES = ((3, 5), (5,), (1, 5))
SCHEDULE = (1e-2, 3e-2, 2e-2, 1e-2, 5e-3)


def stacked(seed: int) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(NUM_MEMBERS, *shape, generator=generator)) for shape in SHAPES]


def gradients(seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(100 + seed)
    return [3 * torch.randn(NUM_MEMBERS, *shape, generator=generator) for shape in SHAPES]


def set_gradients(parameters: list[nn.Parameter], step: int, active: torch.Tensor) -> None:
    for parameter, gradient in zip(parameters, gradients(step), strict=True):
        parameter.grad = gradient * active.view(-1, *[1] * (gradient.ndim - 1))


def activity(step: int) -> torch.Tensor:
    """Member 0 always, member 1 from the third step on, member 2 every second one, member 3 never."""
    return torch.tensor([True, step >= 2, step % 2 == 0, False])


def alone(member: int, weight_decay: float, max_grad_norm: float) -> list[nn.Parameter]:
    """One member trained by torch's AdamW on the steps in which it is active."""
    parameters = [nn.Parameter(parameter[member].detach().clone()) for parameter in stacked(0)]
    matrices, vectors = ([p for p in parameters if (p.ndim > 1) == wanted] for wanted in (True, False))
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    )
    for step, rate in enumerate(SCHEDULE):
        if not activity(step)[member]:
            continue
        for parameter, gradient in zip(parameters, gradients(step), strict=True):
            parameter.grad = gradient[member].clone()
        if max_grad_norm:
            nn.utils.clip_grad_norm_(parameters, max_grad_norm)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
    return parameters


def take_step(optimizer: MemberAdamW, rate: float, active: torch.Tensor, max_norm: float = 0.0) -> torch.Tensor:
    optimizer.active = active
    norms = optimizer.clip(max_norm)
    optimizer.param_groups[0]["lr"] = rate
    optimizer.step()
    return norms


def names_of(parameters: list[torch.nn.Parameter]) -> dict[torch.Tensor, str]:
    return {parameter: str(number) for number, parameter in enumerate(parameters)}


def state_of(optimizer: MemberAdamW, parameters: list[torch.nn.Parameter]) -> dict[str, torch.Tensor]:
    found = optimizer_tensors(optimizer, names_of(parameters))
    return {name: tensor.clone() for name, tensor in found.items()}


@pytest.mark.parametrize(("weight_decay", "max_grad_norm"), [(0.0, 0.0), (0.1, 0.0), (0.1, 1.0)])
def test_members_together_are_members_alone(weight_decay: float, max_grad_norm: float) -> None:
    parameters = stacked(0)
    optimizer = MemberAdamW(parameters, 1e-2, weight_decay)
    for step, rate in enumerate(SCHEDULE):
        set_gradients(parameters, step, activity(step))
        take_step(optimizer, rate, activity(step), max_grad_norm)
    for member in range(NUM_MEMBERS):
        for together, single in zip(parameters, alone(member, weight_decay, max_grad_norm), strict=True):
            torch.testing.assert_close(together[member].detach(), single.detach(), rtol=1e-6, atol=1e-7)


def test_a_member_that_sits_out_keeps_everything() -> None:
    parameters = stacked(0)
    optimizer = MemberAdamW(parameters, 1e-2, weight_decay=0.1)
    everyone = torch.ones(NUM_MEMBERS, dtype=torch.bool)
    set_gradients(parameters, 0, everyone)
    take_step(optimizer, 1e-2, everyone)
    weights = [parameter.detach().clone() for parameter in parameters]
    state = state_of(optimizer, parameters)
    resting = torch.tensor([True, False, True, True])
    set_gradients(parameters, 1, resting)
    take_step(optimizer, 1e-2, resting)
    for before, after in zip(weights, parameters, strict=True):
        assert torch.equal(before[1], after[1]) and not torch.equal(before[0], after[0])
    for name, tensor in state_of(optimizer, parameters).items():
        assert torch.equal(state[name][1], tensor[1]) and not torch.equal(state[name][0], tensor[0])


def test_norms_are_those_before_clipping_and_of_each_member() -> None:
    parameters = stacked(0)
    active = torch.tensor([True, True, True, False])
    set_gradients(parameters, 0, active)
    norms = take_step(MemberAdamW(parameters, 1e-2), 1e-2, active, max_norm=0.1)
    expected = torch.cat([gradient.flatten(1) for gradient in gradients(0)], 1).norm(dim=1) * active
    torch.testing.assert_close(norms, expected)


def test_a_resumed_optimizer_goes_on_bit_by_bit() -> None:
    whole, parts = stacked(0), stacked(0)
    optimizer, first = MemberAdamW(whole, 1e-2), MemberAdamW(parts, 1e-2)
    for step, rate in enumerate(SCHEDULE):
        set_gradients(whole, step, activity(step))
        take_step(optimizer, rate, activity(step))
        if step == 2:
            saved = state_of(first, parts)
            first = MemberAdamW(parts, 1e-2)
            load_optimizer_tensors(first, names_of(parts), saved)
        set_gradients(parts, step, activity(step))
        take_step(first, rate, activity(step))
    assert all(torch.equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_parameters_without_a_gradient_stay_and_gradients_are_forgotten() -> None:
    parameters = stacked(0)
    optimizer = MemberAdamW(parameters, 1e-2)
    parameters[0].grad = torch.ones_like(parameters[0])
    before = parameters[1].detach().clone()
    optimizer.step()
    optimizer.zero_grad()
    assert torch.equal(parameters[1], before)
    assert parameters[0].grad is None
