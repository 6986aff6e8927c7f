"""How many tokens a model can read."""

from __future__ import annotations

from typing import Any

from rewardsmith.errors import ModelError

ROTARY_OR_RELATIVE = ("deberta", "deberta-v2", "modernbert", "bloom", "mpt", "falcon", "gpt_neox", "gptj", "t5")
POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "data2vec-text")


def position_limit(config: Any) -> int | None:
    """Most tokens a model with learned absolute positions can read; None where there is no such limit."""
    text = config.get_text_config()
    if getattr(text, "rope_parameters", None) or text.model_type in ROTARY_OR_RELATIVE:
        return None
    limit = getattr(text, "max_position_embeddings", None) or getattr(text, "n_positions", None)
    if limit is None:
        return None
    # RoBERTa and its descendants number positions from pad_token_id + 1.
    return int(limit) - (text.pad_token_id + 1 if text.model_type in POSITIONS_AFTER_PADDING else 0)


def check_max_length(config: Any, max_length: int, name: str) -> None:
    """Raises ``ModelError`` where a model has fewer positions than conversations may have tokens."""
    limit = position_limit(config)
    if limit is not None and max_length > limit:
        raise ModelError(
            f"`max_length` {max_length} is more than the {limit} positions of {name}; pass `max_length` {limit}."
        )
