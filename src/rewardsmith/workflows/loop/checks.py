"""What the options of a loop may not be, told before anything is loaded."""

from __future__ import annotations

import os
from dataclasses import fields

from rewardsmith.engine.scoring.open_scorer import aggregation_of
from rewardsmith.engine.training.meta.meta_options import MetaOptions
from rewardsmith.errors import ConfigError
from rewardsmith.policy.options import RewardOptions, check_policy_options
from rewardsmith.policy.rounds.options import check_rounds
from rewardsmith.policy.trl.settings import check_trl_options
from rewardsmith.workflows.options.iterate import IterateConfig
from rewardsmith.workflows.steps.train_model import check_training


def check_iterate(config: IterateConfig) -> None:
    """``ConfigError`` for a value that no run can have, and for parts that do not go together."""
    if (num := int(os.environ.get("WORLD_SIZE", "1"))) > 1:
        raise ConfigError(f"iterate runs in one process, and here are {num}.")
    check_rounds(config.rounds, config.labelling, config.in_world, config.labels_by_chat)
    check_policy_options(config.policy)
    if config.policy_trainer.policy_trainer != "ours":
        check_trl_options(config.policy_trainer.policy_trainer, config.policy)
    _check_data(config)
    _check_judge(config)
    _check_meta(config)
    _check_rewards(config)
    check_training(config.training(config.run.seed, "samples" if config.rounds.adapt == "metarm" else None))


def _check_data(config: IterateConfig) -> None:
    data = config.loop_data
    if data.num_pairs < 1:
        raise ConfigError(f"`num_pairs` {data.num_pairs} must be at least 1.")
    if not 0 <= data.eval_fraction < 1:
        raise ConfigError(f"`eval_fraction` {data.eval_fraction} must be at least 0 and below 1.")
    if config.in_world and not 0 <= config.world.flip_rate < 1:
        raise ConfigError(f"`flip_rate` {config.world.flip_rate} must be at least 0 and below 1.")
    if not (data.eval_fraction or data.prompts or data.test_prompts or config.in_world):
        raise ConfigError("`eval_fraction` 0 leaves no prompt to test on: name some with `prompts` or `test_prompts`.")
    if config.policy_model.policy_lora_r < 1:
        raise ConfigError(f"`policy_lora_r` {config.policy_model.policy_lora_r} must be at least 1.")
    if config.policy_model.save_rollouts < 0:
        raise ConfigError(f"`save_rollouts` {config.policy_model.save_rollouts} must not be negative.")


def _check_judge(config: IterateConfig) -> None:
    if config.labelling.labels == "judge" and config.chat.judge_model and config.endpoint.base_url is None:
        raise ConfigError(f"`judge_model` {config.chat.judge_model}: say with `base_url` where it is to be asked.")
    if config.endpoint.base_url is not None and not config.labels_by_chat:
        raise ConfigError(f"`base_url` {config.endpoint.base_url}: a chat model is asked with `labels` judge alone.")


def _check_meta(config: IterateConfig) -> None:
    meta, default = config.meta, MetaOptions()
    if meta.meta_dataset is not None:
        raise ConfigError(f"`meta_dataset` {meta.meta_dataset}: with `adapt` metarm it is what the policy writes.")
    changed = [field.name for field in fields(meta) if getattr(meta, field.name) != getattr(default, field.name)]
    if changed and config.rounds.adapt != "metarm":
        raise ConfigError(f"`{changed[0]}` {getattr(meta, changed[0])}: nothing reads it but `adapt` metarm.")


def _check_rewards(config: IterateConfig) -> None:
    aggregation_of(config.scoring)
    given, default = config.policy.rewards, RewardOptions()
    for name in ("reward_mean", "reward_std"):
        if config.rounds.standardise_rewards and getattr(given, name) != getattr(default, name):
            raise ConfigError(
                f"`{name}` {getattr(given, name)}: each round has its own with `standardise_rewards`; switch that off "
                "to give one."
            )
    if config.rounds.num_members == 1 and given.aggregate != default.aggregate:
        raise ConfigError(f"`aggregate` {given.aggregate} needs several reward models: raise `num_members`.")
