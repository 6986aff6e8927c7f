"""The critic: a decoder with a head that says, before each token, what reward is still to come."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rewardsmith.errors import ModelError
from rewardsmith.models.layers.heads import apply_head, core_of, has_score_head
from rewardsmith.models.loading.vocabulary import num_embeddings
from rewardsmith.policy.networks.sequences import Sequences


class Critic(nn.Module):
    """A trunk and a linear head on its last states."""

    def __init__(self, trunk: Any, head: nn.Linear) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head

    def forward(self, sequences: Sequences) -> Float[Tensor, "N R"]:
        """Values of the states in which each token of the responses was chosen, in float32."""
        hidden: Tensor = self.trunk(**sequences.arguments(), use_cache=False).last_hidden_state
        before = hidden[:, -sequences.num_columns - 1 : -1]
        return apply_head(self.head, before.flatten(0, 1)).view(before.shape[:2])


def critic_of_policy(policy: Any) -> Critic:
    """A copy of the policy's trunk, adapters merged, with a head that says 0 for everything."""
    copy = deepcopy(policy)
    core = copy.merge_and_unload() if hasattr(copy, "peft_config") else copy
    trunk = getattr(core, core.base_model_prefix)
    head = nn.Linear(core.config.get_text_config().hidden_size, 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return Critic(trunk.requires_grad_(True), head)


def critic_of_reward_model(model: Any, policy: Any, mean: float = 0.0, std: float = 1.0) -> Critic:
    """Trunk and head of a reward model, which reads the policy's tokens: begins with its rewards of what is there.

    They are shifted by ``mean`` and divided by ``std``, as those that it will learn from may be.
    ``ModelError`` for an encoder, or another vocabulary. That the tokenizers are one is for the caller to know.
    """
    core = core_of(model)
    if not has_score_head(core) or not isinstance(core.score, nn.Linear):
        raise ModelError(
            f"{core.config.name_or_path} cannot become a critic, which values every token from what stands before it: "
            "it is no plain decoder. Begin with a fresh critic."
        )
    if num_embeddings(core) != num_embeddings(policy):
        raise ModelError(
            f"{core.config.name_or_path} has {num_embeddings(core)} tokens and the policy {num_embeddings(policy)}: a "
            "critic reads the policy's. Begin with a fresh critic."
        )
    trunk = deepcopy(getattr(core, core.base_model_prefix)).requires_grad_(True)
    head = nn.Linear(core.score.in_features, 1)
    with torch.no_grad():
        head.weight.copy_(core.score.weight / std)
        head.bias.fill_(-mean / std)
        if core.score.bias is not None:
            head.bias.add_(core.score.bias / std)
    return Critic(trunk, head)
