"""A reward model before its training, with all that turns conversations into its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rewardsmith.models.embedded import resolve_model
from rewardsmith.models.loading import load_tokenizer, new_reward_model
from rewardsmith.models.options import ModelOptions
from rewardsmith.models.positions import check_max_length
from rewardsmith.tokens.encoding import ConversationEncoder


@dataclass(frozen=True)
class FreshModel:
    """A trunk with a new head, on the CPU."""

    model: Any
    tokenizer: Any
    encoder: ConversationEncoder
    source_name: str

    @property
    def extra(self) -> dict[str, Any]:
        """What is saved beside the trained model, for those who load it."""
        return {
            "max_length": self.encoder.max_length,
            "truncation_side": self.encoder.truncation_side,
            "tokens_fingerprint": self.encoder.fingerprint,
            "trained_from": self.source_name,
        }


def fresh_model(options: ModelOptions, seed: int) -> FreshModel:
    """The model that the options name, its head drawn from ``seed``; ModelError where it cannot be had."""
    source = resolve_model(options.model_name_or_path, options.model_revision)
    tokenizer = load_tokenizer(source)
    model = new_reward_model(source, tokenizer, seed)
    check_max_length(model.config, options.max_length, source.name)
    encoder = ConversationEncoder(tokenizer, options.max_length, options.truncation_side)
    return FreshModel(model, tokenizer, encoder, source.name)
