"""The reward function that a configuration asks for."""

from __future__ import annotations

from rewardsmith.engine.scoring.open_scorer import aggregation_of
from rewardsmith.errors import ConfigError
from rewardsmith.serving.callables.openrlhf import OpenRLHFReward
from rewardsmith.serving.callables.options import RewardFunctionConfig
from rewardsmith.serving.callables.reward_model import RewardModel
from rewardsmith.serving.callables.trl import TRLReward
from rewardsmith.serving.callables.verl import VerlReward

RewardFunction = TRLReward | OpenRLHFReward | VerlReward


def make_reward_function(config: RewardFunctionConfig) -> RewardFunction:
    """``ConfigError`` for options that do not fit together; the model itself is opened when it is first asked."""
    aggregation_of(config.scoring)
    model = RewardModel(config.reward_model_path, config.scoring, config.name)
    if config.form != "openrlhf" and config.policy_name_or_path is not None:
        raise ConfigError(f"`policy_name_or_path` is for the form openrlhf: {config.form} needs no tokenizer here.")
    if config.form == "trl":
        return TRLReward(model)
    if config.form == "verl":
        return VerlReward(model)
    if config.policy_name_or_path is None:
        raise ConfigError(
            "`policy_name_or_path` is missing: OpenRLHF hands over prompt and response as one text, and the policy's "
            "tokenizer tells where a response begins and ends."
        )
    return OpenRLHFReward(model, config.policy_name_or_path)
