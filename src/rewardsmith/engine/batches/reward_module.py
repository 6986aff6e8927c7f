"""A reward model as one module: a batch in, rewards out.

accelerate wraps what it is given (autocast, gradient exchange, sharding) around ``forward``, so reading the reward
has to happen inside of it.
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from rewardsmith.engine.batches.model_inputs import ModelInputs
from rewardsmith.models.heads import read_rewards


def rewards_of(model: Any, inputs: ModelInputs) -> Float[Tensor, " N"]:
    """Rewards in float32, in the order in which the conversations were given, packed or padded.

    ``model``: a Hugging Face sequence-classification model with one label, or peft on one.
    """
    return read_rewards(model, inputs.arguments(), inputs.last)


class RewardModule(nn.Module):
    """Calls ``rewards_of``; ``model`` is what gets saved."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self._no_split_modules = getattr(model, "_no_split_modules", None)  # what FSDP shards as one

    def forward(self, inputs: ModelInputs) -> Float[Tensor, " N"]:
        """Rewards of a batch."""
        return rewards_of(self.model, inputs).clone()  # FSDP hooks what comes out, and a view could lose the hook
