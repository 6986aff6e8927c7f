"""The blocks of a transformer trunk."""

from __future__ import annotations

from typing import Any

from torch import nn


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
