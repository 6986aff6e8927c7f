"""What adapters make of a layer's weight, W0 + s B A, in norms that need no product of its size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


@dataclass(frozen=True)
class LowRankWeight:
    """One adapted linear layer."""

    base: Tensor
    """W0 [out, in], frozen."""
    down: Tensor
    """A [r, in]"""
    up: Tensor
    """B [out, r]"""
    scale: float
    """s"""
    transposed: bool = False
    """The layer keeps W0 as [in, out]."""

    def norm(self) -> Float[Tensor, ""]:
        """||W0 + s B A||: its square is ||W0||^2 + 2 s <B^T W0, A> + s^2 ||B A||^2."""
        base, down, up = whole(self.base), whole(self.down), whole(self.up)
        base = base.T if self.transposed else base
        across = (up.to(base.dtype).T @ base * down).sum()
        own = torch.linalg.vector_norm(base).square()
        square = own + 2 * self.scale * across + (self.scale * _norm_of_product(up, down)).square()
        return torch.sqrt(square.clamp_min(0))

    def norm_of_change(self, down: Tensor, up: Tensor) -> Float[Tensor, ""]:
        """||s (dB A + B dA)||: how far small changes dA and dB of the factors move the weight, to first order."""
        ups = torch.cat([whole(up), whole(self.up)], dim=1)
        downs = torch.cat([whole(self.down), whole(down)], dim=0)
        return self.scale * _norm_of_product(ups, downs)


def adapted_weights(model: Any) -> Iterator[LowRankWeight]:
    """Of every linear layer with a LoRA adapter in use."""
    for module in model.modules():
        if not isinstance(module, LoraLayer):
            continue
        for name in module.active_adapters:
            if name in module.lora_A:
                base, down, up = (
                    cast(nn.Linear, layer)
                    for layer in (module.get_base_layer(), module.lora_A[name], module.lora_B[name])
                )
                transposed = bool(getattr(module, "fan_in_fan_out", False))
                yield LowRankWeight(base.weight, down.weight, up.weight, module.scaling[name], transposed)


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor whose shards may lie on several processes, which all have to ask."""
    return tensor.full_tensor().detach() if isinstance(tensor, DTensor) else tensor.detach()


def _norm_of_product(up: Float[Tensor, "out r"], down: Float[Tensor, "r inside"]) -> Float[Tensor, ""]:
    """||U V|| by way of r x r products: its square is <U^T U, V V^T>."""
    return ((up.T @ up) * (down @ down.T)).sum().clamp_min(0).sqrt()
