"""What a side of a benchmark computes, seen from outside: tokens that go into its model, and which ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass
class TokenCount:
    """Tokens that a model's embedding was asked for, padding included.

    ``training``: only those of training steps, so that checks before them do not count.
    """

    batches: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, model: Any, training: bool) -> TokenCount:
        """Starts counting."""
        count = cls()

        def look(module: Any, arguments: tuple[torch.Tensor, ...]) -> None:
            if not training or (module.training and torch.is_grad_enabled()):
                count.batches.append(arguments[0].numel())

        model.get_input_embeddings().register_forward_pre_hook(look)
        return count

    @property
    def total(self) -> int:
        """Of all batches."""
        return sum(self.batches)


def digest(conversations: Iterable[Iterable[int]]) -> str:
    """Equal for the same tokens in the same order."""
    joined = hashlib.sha256()
    for ids in conversations:
        joined.update(repr([int(token) for token in ids]).encode())
    return joined.hexdigest()[:16]


def cuda_peak_gib(device: str) -> float | None:
    """Most memory that PyTorch held on the GPU; None on a CPU, where the process's own peak counts."""
    return torch.cuda.max_memory_allocated() / 2**30 if device.startswith("cuda") else None
