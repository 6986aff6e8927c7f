"""What the critic of a round begins as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rewardsmith.errors import ConfigError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import load_merged
from rewardsmith.models.loading.reward_models import load_config, load_tokenizer
from rewardsmith.policy.networks.critic import Critic, critic_of_reward_model
from rewardsmith.policy.options import PolicyOptions
from rewardsmith.workflows.options.iterate import IterateConfig


def check_critic(config: IterateConfig) -> None:
    """``ConfigError`` where reward models could not become critics: known before any is trained."""
    if config.policy.ppo.critic_start == "policy":
        return
    if config.rounds.num_members > 1:
        raise ConfigError(
            f"`critic_start` reward_model: `num_members` {config.rounds.num_members} reward models are no critic."
        )
    names = config.model.model_name_or_path, config.policy_model.policy_name_or_path
    sources = resolve_model(names[0], config.model.model_revision), resolve_model(names[1])
    vocabularies = [load_tokenizer(source).get_vocab() for source in sources]
    sizes = [load_config(source).get_text_config().vocab_size for source in sources]
    if vocabularies[0] != vocabularies[1] or sizes[0] != sizes[1]:
        raise ConfigError(
            f"`critic_start` reward_model: a critic reads the policy's tokens, and {names[0]} has others than "
            f"{names[1]}. Name a decoder of the policy's family with `model_name_or_path`, or begin with the policy "
            "(`critic_start` policy)."
        )


def critic_of(reward_model: Path, policy: Any, options: PolicyOptions) -> Critic | None:
    """The reward model in a folder, on the scale of its rewards; None where the policy's trainer makes one."""
    if options.ppo.critic_start == "policy":
        return None
    model, _, _ = load_merged(reward_model)
    return critic_of_reward_model(model, policy, options.rewards.reward_mean, options.rewards.reward_std)
