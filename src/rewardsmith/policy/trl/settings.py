"""Our options as TRL's: which of them mean the same there, and what TRL then is told."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.errors import ConfigError
from rewardsmith.policy.options import PolicyOptions

TRLTrainer = Literal["trl_rloo", "trl_grpo"]
Meant = dict[str, tuple[tuple[object, ...], str]]
"""Option -> the values that mean the same to TRL, and why others do not."""

NAMES: dict[TRLTrainer, str] = {"trl_rloo": "RLOO", "trl_grpo": "GRPO"}
BOTH: Meant = {
    "temperature": ((1.0,), "it takes ratios and KL at that temperature"),
    "kl_target": ((None,), "its coefficient is fixed"),
    "reward_shape": (("plain",), "its reference does not answer"),
    "num_minibatches": ((1,), "it shuffles a roll-out once, and means are over all of it"),
    "whiten_advantages": ((False,), "it would shift and scale responses, not tokens"),
}
MEANT: dict[TRLTrainer, Meant] = {
    "trl_rloo": BOTH
    | {
        "advantage": (("rloo",), "it compares the responses to a prompt"),
        "loss_mean": (("response_sums",), "it adds up the tokens of a response"),
        "num_ppo_epochs": ((1,), "it clips the ratio of whole responses, which tells from the second step on"),
    },
    "trl_grpo": BOTH
    | {
        "advantage": (("grpo",), "it divides by the spread of a prompt's rewards"),
        "loss_mean": (("tokens", "sequences"), "it averages over tokens"),
        "kl_coef": ((0.0,), "its KL cost is k3 in the loss and no part of the reward"),
    },
}


def check_trl_options(trainer: TRLTrainer, options: PolicyOptions) -> None:
    """``ConfigError`` that names each option with which TRL would do something else, or where it is not installed."""
    given = flatten(options) | {"temperature": options.sampling.settings().temperature}
    refused = [
        f"`{name}` {given[name]}: {why}; use {' or '.join(map(str, values))}"
        for name, (values, why) in MEANT[trainer].items()
        if given[name] not in values
    ]
    if refused:
        raise ConfigError(f"`policy_trainer` {trainer}: TRL's {NAMES[trainer]} cannot mean " + ". ".join(refused) + ".")
    if find_spec("trl") is None:
        raise ConfigError(f"`policy_trainer` {trainer} needs TRL: pip install 'rewardsmith[rl]'")


def trl_arguments(trainer: TRLTrainer, options: PolicyOptions, longest_prompt: int) -> dict[str, Any]:
    """Arguments of ``RLOOConfig`` or ``GRPOConfig`` for options that were checked.

    ``beta`` is 0 there, since TRL would read its reference from disk; whoever runs it sets both afterwards.
    """
    rollouts, sampling = options.rollouts, options.sampling
    num_responses = rollouts.prompts_per_rollout * rollouts.num_samples
    per_pass = rows_per_pass(num_responses, rollouts.rollout_max_tokens // (longest_prompt + sampling.max_new_tokens))
    settings = sampling.settings()
    arguments: dict[str, Any] = {
        "num_generations": rollouts.num_samples,
        "per_device_train_batch_size": per_pass,
        "gradient_accumulation_steps": num_responses // per_pass,
        "num_iterations": options.ppo.num_ppo_epochs,
        "max_steps": options.num_steps,
        "max_completion_length": sampling.max_new_tokens,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "top_k": 0,
        "repetition_penalty": settings.repetition_penalty,
        "epsilon": options.ppo.clip_range,
        "beta": 0.0,
        "max_grad_norm": options.optimizer.policy_max_grad_norm,
        "disable_dropout": True,
    }
    if trainer == "trl_grpo":
        loss_types = {"tokens": "dapo", "sequences": "grpo"}
        arguments |= {"scale_rewards": "group", "loss_type": loss_types[options.ppo.loss_mean]}
    return arguments


def rows_per_pass(num: int, most: int) -> int:
    """The largest number that divides ``num`` and is at most ``most``; 1 at least."""
    return max(rows for rows in range(1, num + 1) if num % rows == 0 and rows <= max(1, most))
