"""Training only the top of a model: what lies below is frozen, so no gradient is computed for it."""

from __future__ import annotations

from typing import Any

from rewardsmith.errors import ConfigError
from rewardsmith.models.blocks import transformer_blocks


def train_top_layers(model: Any, num_layers: int) -> None:
    """Freezes all but the top ``num_layers`` blocks, what comes after them (final norm, pooler) and the head.

    Adapters in lower blocks are frozen with them. -1 leaves the model as it is. ``ConfigError`` where the model has
    fewer blocks, or none that can be told apart.
    """
    if num_layers < 0:
        return
    core = model.get_base_model() if hasattr(model, "peft_config") else model
    trunk = getattr(core, core.base_model_prefix)
    blocks = transformer_blocks(trunk)
    if blocks is None:
        raise ConfigError(f"--train_layers {num_layers}: {type(core).__name__} has no list of blocks; leave it at -1.")
    if num_layers > len(blocks):
        raise ConfigError(f"--train_layers {num_layers}: the model has {len(blocks)} blocks; -1 trains all of it.")
    for child in trunk.children():
        if any(module is blocks for module in child.modules()):
            break
        child.requires_grad_(False)
    for block in blocks[: len(blocks) - num_layers]:
        block.requires_grad_(False)
