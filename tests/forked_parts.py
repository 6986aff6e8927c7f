"""Tiny parts of which forked ensembles are made in tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.encoding import ConversationEncoder

LORA = LoraOptions(lora_r=4)
OPTIONS = TrainOptions(learning_rate=5e-3, per_device_train_batch_size=4, weight_decay=0.05, logging_steps=2)
SEED = 3


@dataclass
class Parts:
    """A fresh tiny model and its encoder."""

    model: Any
    tokenizer: Any
    encoder: ConversationEncoder

    @classmethod
    def of(cls, folder: Path) -> Parts:
        source = resolve_model(str(folder))
        tokenizer = load_tokenizer(source)
        model = new_reward_model(source, tokenizer)
        return cls(model, tokenizer, ConversationEncoder(tokenizer, 96))


def some_weights(num_pairs: int, num_members: int) -> NDArray[np.float32]:
    """Bootstrap weights; every prompt is kept from one member, and some pairs from all."""
    rng = np.random.default_rng(0)
    weights = rng.exponential(size=(num_pairs, num_members))
    for i in range(num_pairs):
        weights[i, (i // 4) % num_members] = 0.0
    weights[5] = 0.0
    return weights.astype(np.float32)
