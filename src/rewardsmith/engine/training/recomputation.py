"""Activation checkpointing: what the backward pass needs of a block is computed again instead of being kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Any, Literal

import torch
from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts, noop_context_fn

from rewardsmith.errors import ConfigError
from rewardsmith.models.blocks import transformer_blocks

Again = Literal["nothing", "cheap", "all"]
"""What is computed again: `cheap` is all but matrix products and attention, `all` the whole block from its input."""

DEAR = [
    torch.ops.aten.mm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten.bmm.default,
    torch.ops.aten.baddbmm.default,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
]


@contextmanager
def recomputed_blocks(model: Any, again: Again) -> Iterator[None]:
    """Within it, each block of a transformer keeps less. Gradients are the same to the bit on a CPU.

    transformers' own switch makes the embeddings' output require a gradient, so that frozen lower blocks would be
    differentiated too; this one does not. ``ConfigError`` where the model keeps its blocks in no list.
    """
    if again == "nothing":
        yield
        return
    blocks = transformer_blocks(model)
    if blocks is None:
        raise ConfigError(f"--gradient_checkpointing: {type(model).__name__} has no list of blocks.")
    contexts = partial(create_selective_checkpoint_contexts, DEAR) if again == "cheap" else noop_context_fn
    for block in blocks:
        block.forward = partial(_recomputed, block.forward, contexts)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward  # the one of its class shows again


def _recomputed(forward: Callable[..., Any], contexts: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """The second run sees the context variables of the first, whatever was computed in between: dropout's tokens."""
    run = partial(copy_context().run, forward)
    return checkpoint(run, *arguments, use_reentrant=False, context_fn=contexts, **named)
