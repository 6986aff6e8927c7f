"""A reward model as one module: tokens in, rewards out.

accelerate wraps what it is given (autocast, gradient exchange, sharding) around ``forward``, so reading the reward
has to happen inside of it.
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from rewardsmith.models.heads import compute_rewards


class RewardModule(nn.Module):
    """Calls ``compute_rewards`` of a Hugging Face sequence-classification model; ``model`` is what gets saved."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: dict[str, Tensor]) -> Float[Tensor, " B"]:
        """Rewards of a padded batch, in float32."""
        return compute_rewards(self.model, inputs)
