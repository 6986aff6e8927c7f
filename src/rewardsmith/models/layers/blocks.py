"""The blocks of a transformer trunk, and training the top ones alone: no gradient is computed below them."""

from __future__ import annotations

from typing import Any

from torch import nn

from rewardsmith.errors import ConfigError
from rewardsmith.models.layers.heads import core_of


def transformer_blocks(model: Any) -> nn.ModuleList | None:
    """The list of a trunk's blocks; None where its architecture keeps them in another form."""
    wanted = num_layers(model.config)
    lists = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == wanted
    ]
    return min(lists, key=lambda item: (item[0].count("."), len(item[0])))[1] if lists else None


def num_layers(config: Any) -> int:
    """Blocks of a trunk; its layers are numbered 0 (embedding) to this number."""
    return int(config.get_text_config().num_hidden_layers)


def train_top_layers(model: Any, num_trained: int) -> None:
    """Freezes all but the top ``num_trained`` blocks, what comes after them (final norm, pooler) and the head.

    Adapters in lower blocks are frozen with them. -1 leaves the model as it is. ``ConfigError`` where the model has
    fewer blocks, or none that can be told apart.
    """
    if num_trained < 0:
        return
    core = core_of(model)
    trunk = getattr(core, core.base_model_prefix)
    blocks = transformer_blocks(trunk)
    if blocks is None:
        raise ConfigError(f"`train_layers` {num_trained}: {type(core).__name__} has no list of blocks; leave it at -1.")
    if num_trained > len(blocks):
        raise ConfigError(f"`train_layers` {num_trained}: the model has {len(blocks)} blocks; -1 trains all of it.")
    for child in trunk.children():
        if any(module is blocks for module in child.modules()):
            break
        child.requires_grad_(False)
    for block in blocks[: len(blocks) - num_trained]:
        block.requires_grad_(False)
