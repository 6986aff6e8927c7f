"""Policy and critic as one module, so that one optimiser step and one checkpoint hold both."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rewardsmith.objectives.policy import token_entropy, token_logprobs
from rewardsmith.policy.networks.critic import Critic
from rewardsmith.policy.networks.sequences import Sequences


class PolicyOutput(NamedTuple):
    """What a policy and its critic say of responses."""

    logprobs: Float[Tensor, "N R"]
    """Of each token, at temperature 1."""
    entropy: Float[Tensor, "N R"]
    """Of the distribution that it came from; without a graph."""
    values: Float[Tensor, "N R"] | None
    """None without a critic."""


class ActorCritic(nn.Module):
    """``policy``: a causal model of transformers, adapters or not; it is what gets saved."""

    def __init__(self, policy: Any, critic: Critic | None = None) -> None:
        super().__init__()
        self.policy, self.critic = policy, critic

    def forward(self, sequences: Sequences) -> PolicyOutput:
        logits = response_logits(self.policy, sequences)
        with torch.no_grad():
            entropy = token_entropy(logits)
        values = None if self.critic is None else self.critic(sequences)
        return PolicyOutput(token_logprobs(logits, sequences.responses), entropy, values)


def response_logits(model: Any, sequences: Sequences) -> Float[Tensor, "N R V"]:
    """What each token of the responses was drawn from."""
    num = sequences.num_columns
    output = model(**sequences.arguments(), use_cache=False, logits_to_keep=num + 1)
    logits: Tensor = output.logits[:, -num - 1 : -1]
    return logits


@torch.no_grad()
def response_logprobs(model: Any, sequences: Sequences) -> Float[Tensor, "N R"]:
    """Log-probabilities of a model without graph."""
    return token_logprobs(response_logits(model, sequences), sequences.responses)
