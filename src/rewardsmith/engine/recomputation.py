"""Gradient checkpointing: activations within a block are computed again in the backward pass instead of being kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch.utils.checkpoint import checkpoint

from rewardsmith.errors import ConfigError
from rewardsmith.models.blocks import transformer_blocks


@contextmanager
def recomputed_blocks(model: Any, wanted: bool = True) -> Iterator[None]:
    """Within it, each block of a transformer keeps its input alone. Gradients are the same to the bit on a CPU.

    transformers' own switch makes the embeddings' output require a gradient, so that frozen lower blocks would be
    differentiated too; this one does not. ``ConfigError`` where the model keeps its blocks in no list.
    """
    if not wanted:
        yield
        return
    blocks = transformer_blocks(model)
    if blocks is None:
        raise ConfigError(f"--gradient_checkpointing: {type(model).__name__} has no list of blocks.")
    for block in blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward  # the one of its class shows again
