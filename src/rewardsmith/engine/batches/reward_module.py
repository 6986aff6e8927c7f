"""A reward model as one module: a batch in, rewards and the states behind them out.

accelerate wraps what it is given (autocast, gradient exchange, sharding) around ``forward``, so reading the reward
has to happen inside of it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from rewardsmith.engine.batches.model_inputs import ModelInputs
from rewardsmith.models.layers.dropout import Dropout
from rewardsmith.models.layers.heads import RewardOutput, read_head


def rewards_of(model: Any, inputs: ModelInputs) -> Float[Tensor, " N"]:
    """Rewards in float32, in the order in which the conversations were given, packed or padded.

    ``model``: a Hugging Face sequence-classification model with one label, or peft on one.
    """
    return read_head(model, inputs.arguments(), inputs.last).rewards


class RewardModule(nn.Module):
    """A reward model to be trained; ``model`` is what gets saved. ``dropout``: what ``dropout_sites`` gave for it."""

    def __init__(self, model: Any, dropout: Dropout | None = None) -> None:
        super().__init__()
        self.model = model
        self._dropout = dropout
        self._no_split_modules = getattr(model, "_no_split_modules", None)  # what FSDP shards as one

    def forward(self, inputs: ModelInputs) -> RewardOutput:
        """Rewards of a batch and what the head reads for them, in the order of the conversations."""
        with self._dropped_at(inputs):
            output = read_head(self.model, inputs.arguments(), inputs.last)
        return RewardOutput(*(part.clone() for part in output))  # FSDP hooks these, and a view could lose the hook

    def begin(self, step: int) -> None:
        """What comes belongs to this optimiser step: another dropout."""
        if self._dropout is not None:
            self._dropout.begin(step)

    def _dropped_at(self, inputs: ModelInputs) -> AbstractContextManager[None]:
        if self._dropout is None or not self.training:
            return nullcontext()
        assert inputs.token_keys is not None, "batches for dropout come from a form with keys"
        return self._dropout.at_tokens(inputs.token_keys)
