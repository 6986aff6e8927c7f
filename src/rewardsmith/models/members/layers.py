"""Linear layers for all members of an ensemble at once: own low-rank updates of one frozen layer, or own weights.

The rows of a batch are repeated for every member, one member after the other: [M * B, ..., D]. The frozen weights are
multiplied once with all of them; what is a member's own is a batched product over members.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D


class Members:
    """Which members the next forward pass is for. All member layers of a model share one of these."""

    def __init__(self, num_members: int) -> None:
        self.total = num_members
        self.chosen: Tensor | None = None
        """Their numbers, [m]; None: all."""

    @property
    def count(self) -> int:
        """Members that take part."""
        return self.total if self.chosen is None else len(self.chosen)

    def part_of(self, stacked: Tensor) -> Tensor:
        """The chosen members of a stack [M, ...]."""
        return stacked if self.chosen is None else stacked.index_select(0, self.chosen)


class MemberLinear(nn.Module):
    """y = base(x) + alpha / r * (x A_m^T) B_m^T for the rows of member m, with ``base`` frozen.

    ``base`` is an ``nn.Linear`` or GPT-2's ``Conv1D``, which keeps its weight transposed. A and B have the layout of
    peft's ``lora_A`` and ``lora_B`` and begin as they do: A uniform in +-1/sqrt(D), drawn for each member; B zero.
    """

    def __init__(
        self, base: nn.Module, members: Members, rank: int, alpha: int, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.members = members
        self.rank, self.alpha = rank, alpha
        self.scale = alpha / rank
        weight = base.get_parameter("weight")
        self.is_transposed = isinstance(base, Conv1D)
        num_in, num_out = weight.shape if self.is_transposed else weight.shape[::-1]
        drawn = torch.empty(members.total, rank, num_in)
        for matrix, generator in zip(drawn, generators, strict=True):
            nn.init.kaiming_uniform_(matrix, a=math.sqrt(5), generator=generator)
        self.lora_a = nn.Parameter(drawn.to(weight.device))
        self.lora_b = nn.Parameter(torch.zeros(members.total, num_out, rank, device=weight.device))

    def forward(self, rows: Float[Tensor, "MB *tokens D"]) -> Float[Tensor, "MB *tokens O"]:
        """Outputs of the chosen members."""
        shared: Tensor = self.base(rows)
        lora_a, lora_b = self.members.part_of(self.lora_a), self.members.part_of(self.lora_b)
        by_member = rows.reshape(len(lora_a), -1, rows.shape[-1])
        low = torch.bmm(by_member, lora_a.transpose(1, 2))
        own = torch.baddbmm(
            shared.reshape(len(lora_a), -1, shared.shape[-1]), low, lora_b.transpose(1, 2), alpha=self.scale
        )
        return own.view(shared.shape)

    @torch.no_grad()
    def merged(self, member: int) -> nn.Module:
        """A layer of the base's kind that does for every row what this one does for a member's."""
        layer = copy.deepcopy(self.base)
        update = self.scale * (self.lora_b[member] @ self.lora_a[member])
        layer.get_parameter("weight").add_(update.T if self.is_transposed else update)
        return layer


class MemberDense(nn.Module):
    """A linear layer of which every member has and trains a whole copy: the heads, and BERT's pooler."""

    def __init__(self, base: nn.Linear, members: Members) -> None:
        super().__init__()
        self.members = members
        self.weight = nn.Parameter(base.weight.detach().repeat(members.total, 1, 1))
        bias: Tensor | None = base.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach().repeat(members.total, 1))

    def forward(self, rows: Float[Tensor, "MB *tokens D"]) -> Float[Tensor, "MB *tokens O"]:
        """Outputs of the chosen members."""
        weight = self.members.part_of(self.weight).transpose(1, 2)
        by_member = rows.reshape(len(weight), -1, rows.shape[-1])
        if self.bias is None:
            own = torch.bmm(by_member, weight)
        else:
            own = torch.baddbmm(self.members.part_of(self.bias)[:, None], by_member, weight)
        return own.view(*rows.shape[:-1], weight.shape[-1])

    @torch.no_grad()
    def merged(self, member: int) -> nn.Linear:
        """The copy of one member."""
        num_out, num_in = self.weight.shape[1:]
        layer = nn.Linear(num_in, num_out, bias=self.bias is not None, device=self.weight.device)
        layer.weight.copy_(self.weight[member])
        if self.bias is not None:
            layer.bias.copy_(self.bias[member])
        return layer
