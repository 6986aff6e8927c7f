"""Weights moved along the gradient that they hold, and taken back to the bit.

A *part* is what gets one size: a tensor, or the two factors of an adapter, whose norm is that of the weight W0 + s B A
that they make and whose change is s (dB A + B dA), to first order. A part is moved by ``factor`` times its gradient g:

    relative    size * ||part|| / ||change by g||
    global      size * ||all parts|| / ||change of all by g||
    plain       size

A part without a gradient, and a relative one whose weights are all zero, stays where it is. Kept are the gradient and
one copy of what is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule

from rewardsmith.models.layers.effective_weights import LowRankWeight, adapted_weights, whole

Unit = Literal["relative", "global", "plain"]


@dataclass(frozen=True)
class Part:
    """Trained tensors that are moved by one factor."""

    tensors: tuple[Tensor, ...]
    adapter: LowRankWeight | None = None

    def norm(self) -> Float[Tensor, ""]:
        return _norm(self.tensors[0]) if self.adapter is None else self.adapter.norm()

    def norm_of_change(self) -> Float[Tensor, ""]:
        """By a step of 1 along the gradient."""
        gradients = [_gradient(tensor) for tensor in self.tensors]
        return _norm(gradients[0]) if self.adapter is None else self.adapter.norm_of_change(*gradients)


def parts_of(module: Any) -> list[Part]:
    """Every trained tensor of a module once."""
    adapters = {adapter.down: adapter for adapter in adapted_weights(module) if adapter.down.requires_grad}
    with_it = {adapter.up for adapter in adapters.values()}
    found = []
    for parameter in module.parameters():
        if not parameter.requires_grad or parameter in with_it:
            continue
        adapter = adapters.get(parameter)
        found.append(Part((parameter,)) if adapter is None else Part((parameter, adapter.up), adapter))
    return found


class Perturbation:
    """A move of a module's parts along the gradients that they hold now, ``size`` long; below 0 against them."""

    def __init__(self, module: nn.Module, size: float, unit: Unit) -> None:
        self._module, self._size = module, size
        parts = parts_of(module)
        squares = torch.stack([sum_of_squares([_gradient(tensor) for tensor in part.tensors]) for part in parts])
        factors = _factors(parts, unit)
        self.squared_length = (factors.square() * squares).sum()
        """Of the move of size 1."""
        self.rise = size * (factors * squares).sum()
        """<gradient, move>: by how much the move changes what the gradient is of, to first order."""
        self._moved = [
            (tensor, factor)
            for part, factor in zip(parts, factors.unbind(), strict=True)
            for tensor in part.tensors
            if tensor.grad is not None
        ]
        for tensor, factor in self._moved:
            _gradient(tensor).mul_(factor)  # from here on it is the move of size 1
        self._own = [tensor.detach().clone() for tensor, _ in self._moved] if size else []

    @property
    def moves_anything(self) -> bool:
        return bool(self._own)

    def of(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The moves of size 1 of some tensors, before ``apply``."""
        return [_gradient(tensor) for tensor in tensors]

    @torch.no_grad()
    def apply(self) -> None:
        """Moves the parts from where they were, by the gradients, which have to be there still."""
        for (tensor, _), own in zip(self._moved, self._own, strict=False):
            tensor.copy_(own).add_(_gradient(tensor), alpha=self._size)
        self._let_go_of_gathered()

    @torch.no_grad()
    def restore(self) -> None:
        """The parts are as they were, to the bit."""
        for (tensor, _), own in zip(self._moved, self._own, strict=False):
            tensor.copy_(own)
        self._let_go_of_gathered()

    @torch.no_grad()
    def cosine(self) -> Float[Tensor, ""]:
        """Of the gradient of the move, had from where the parts are, and what they hold now; over all that moved."""
        product = own_square = found_square = torch.zeros_like(self.rise)
        for (tensor, factor), own in zip(self._moved, self._own, strict=False):
            step = torch.where(factor > 0, 1 / (self._size * factor), 0.0)
            change, found = tensor - own, _gradient(tensor)
            product = product + step * dot(change, found)
            own_square = own_square + (step * _norm(change)).square()
            found_square = found_square + torch.where(factor > 0, _norm(found), 0.0).square()
        return product / (own_square * found_square).sqrt().clamp_min(torch.finfo(product.dtype).tiny)

    def _let_go_of_gathered(self) -> None:
        """A sharded module that ran without a backward pass computes on with the weights that it gathered before."""
        for module in self._module.modules():
            if isinstance(module, FSDPModule):
                module.reshard()


def sum_of_squares(tensors: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Over all tensors and all shards of them."""
    return torch.stack([_norm(tensor).square() for tensor in tensors]).sum()


def dot(one: Tensor, other: Tensor) -> Float[Tensor, ""]:
    """Inner product of two tensors, over all shards of them."""
    return whole((one * other).sum())


def _factors(parts: Sequence[Part], unit: Unit) -> Float[Tensor, " parts"]:
    """What each part's gradient is multiplied by in a move of size 1."""
    changes = torch.stack([part.norm_of_change() for part in parts])
    if unit == "plain":
        return torch.ones_like(changes)
    norms = torch.stack([part.norm() for part in parts])
    if unit == "global":
        norms, changes = (torch.linalg.vector_norm(values).expand_as(values) for values in (norms, changes))
    return torch.where(changes > 0, norms / changes, 0.0)


def _norm(tensor: Tensor) -> Float[Tensor, ""]:
    return whole(torch.linalg.vector_norm(tensor.detach(), dtype=torch.float32))


def _gradient(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
