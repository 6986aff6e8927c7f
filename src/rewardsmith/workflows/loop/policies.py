"""Improving the policy of a round."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import replace
from typing import Any

from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.contracts.metrics.iterate import PathPoint
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.checkpoints import work_before
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import add_policy_lora, load_policy, save_policy
from rewardsmith.policy.options import PolicyOptions
from rewardsmith.policy.ppo.training import train_policy
from rewardsmith.policy.trl.training import train_policy_by_trl
from rewardsmith.workflows.loop.costs import Spent
from rewardsmith.workflows.loop.critics import critic_of
from rewardsmith.workflows.loop.files import READ, checkpoints_of, finished, workshop
from rewardsmith.workflows.loop.looks import scale_of
from rewardsmith.workflows.loop.loop import Loop
from rewardsmith.workflows.loop.reward_models import reward_model
from rewardsmith.workflows.steps.train_model import LOG


def improve(loop: Loop, number: int) -> Spent:
    """Trains the policy of a round against its reward model."""
    made = loop.files.round(number).policy
    config = loop.config
    names = {"sft": loop.policy(0), "last": loop.policy(number - 1)}
    start, near = names[config.rounds.policy_start], names[config.rounds.reference]
    policy, tokenizer = load_policy(resolve_model(start))
    if config.policy_model.policy_use_peft:
        policy = add_policy_lora(policy, config.policy_model.adapters(), loop.seed(number))
    options, work = policy_options(loop, number), workshop(made)
    accelerator = make_accelerator(loop.device, config.train.bf16, work_before(checkpoints_of(made)))
    reference = None if near == start else load_policy(resolve_model(near))[0]
    saving = replace(config.checkpoints, save_steps=config.policy_model.save_rollouts * options.steps_per_rollout)
    with closing(open_scorer(str(reward_model(loop, number)), config.scoring)) as scorer:
        given = policy, tokenizer, loop.material.policy_prompts, scorer, options, accelerator, loop.seed(number)
        told: dict[str, Any] = {
            "reference": reference,
            "log": MetricsLog(work / LOG),
            "samples": MetricsLog(work / READ),
            "gold": loop.setting.gold,
        }
        began = time.perf_counter()
        if config.policy_trainer.policy_trainer == "ours":
            critic = critic_of(reward_model(loop, number), policy, options)
            trained = train_policy(*given, critic, **told, save_to=checkpoints_of(made), saving=saving)
        else:
            trained = train_policy_by_trl(config.policy_trainer.policy_trainer, *given, **told)
        spent = Spent.of(trained.outcome, time.perf_counter() - began)
    with finished(made) as folder:
        save_policy(policy, tokenizer, folder)
    return replace(spent, tokens=spent.tokens + spent.tokens // options.ppo.num_ppo_epochs)  # written once


def policy_options(loop: Loop, number: int) -> PolicyOptions:
    """Those given, with rewards on the scale of the first policy's responses."""
    given = loop.config.policy
    if not loop.config.rounds.standardise_rewards:
        return given
    mean, std = scale_of(loop, number)
    return replace(given, rewards=replace(given.rewards, reward_mean=mean, reward_std=std))


def path_of(loop: Loop, number: int) -> list[PathPoint]:
    """Reward and gold of every roll-out, in order."""
    mean, std = scale_of(loop, number)
    log = loop.files.round(number).policy / LOG
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [
        {
            "rollout": place,
            "kl": line["kl"],
            "reward": line["score"],
            "reward_gap_first": (line["score"] - mean) / std,
            "gold": line["gold"],
        }
        for place, line in enumerate(lines)
    ]


def path_from_first(loop: Loop, number: int) -> bool:
    """Whether the policy of a round was held near the first one, from its first roll-out to its last."""
    resets, num_rollouts = loop.config.policy.kl.reference_reset_rollouts, loop.config.policy.rollouts.num_rollouts
    return (loop.config.rounds.reference == "sft" or number == 1) and not 0 < resets < num_rollouts
