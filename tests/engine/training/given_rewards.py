"""Batches whose conversations are nothing but the rewards that a model is to give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rewardsmith.models.layers.heads import RewardOutput


@dataclass(frozen=True)
class GivenRewards:
    """Model inputs [N] that are rewards."""

    rewards: Tensor
    num_rows: int = 1
    token_keys: None = None

    @property
    def num_responses(self) -> int:
        return len(self.rewards)

    num_tokens = num_responses

    def to(self, device: torch.device | str) -> GivenRewards:
        return GivenRewards(self.rewards.to(device))

    def arguments(self) -> dict[str, Any]:
        return {}

    def last(self, hidden: Tensor) -> Tensor:
        return hidden


def reads_its_reward(inputs: GivenRewards) -> RewardOutput:
    """The model."""
    return RewardOutput(inputs.rewards, inputs.rewards[:, None])
