"""Options of training a policy. Free of heavy imports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from rewardsmith.errors import ConfigError
from rewardsmith.sampling.options import SamplingOptions

PolicyTrainer = Literal["ours", "trl_rloo", "trl_grpo"]


@dataclass(frozen=True)
class RolloutOptions:
    """What is drawn from the policy before it learns."""

    num_rollouts: int = 100
    """Times that responses are drawn and learned from."""
    prompts_per_rollout: int = 16
    """Prompts of a roll-out."""
    num_samples: int = 4
    """Responses to each of them."""
    max_prompt_length: int = 256
    """Longest prompt in tokens; longer ones lose their beginning, and are counted."""
    rollout_max_tokens: int = 4096
    """Tokens in one forward pass, prompt and response, which bounds memory."""


@dataclass(frozen=True)
class RewardOptions:
    """How what a reward model says becomes the reward of a response. Applied in the order of these options."""

    aggregate: Literal["mean", "min", "mean_minus_std", "mean_minus_variance", "quantile"] = "mean"
    """One reward from those of an ensemble's members."""
    aggregate_coefficient: float | None = None
    """k of mean - k * std, factor of the variance, or level of the quantile; default 1, 1 and 0.25."""
    reward_mean: float = 0.0
    """Taken off every reward: that of the policy at the start, say, so that all arms of a comparison have one scale."""
    reward_std: float = 1.0
    """Every reward is divided by it."""
    reward_shape: Literal["plain", "relative", "par"] = "plain"
    """`relative`: less the reward of one response of the reference to the same prompt; `par`: the sigmoid of that
    (arXiv 2502.18770)."""
    whiten_rewards: bool = False
    """Shift and scale the rewards of a roll-out to mean 0 and variance 1."""
    reward_clip: float = 0.0
    """Rewards are kept between -c and c; 0: as they are."""
    no_end: Literal["subtract", "replace"] = "subtract"
    """A response without end of turn loses --no_end_penalty, or gets its negative in place of a reward."""
    no_end_penalty: float = 1.0
    """See --no_end; 0 with `subtract`: such responses are like others."""


@dataclass(frozen=True)
class KLOptions:
    """What it costs a policy to leave its reference."""

    kl_coef: float = 0.05
    """Reward that a nat of log pi - log pi_ref (k1) costs, token by token; 0: nothing."""
    kl_target: float | None = None
    """Nats a response that an adaptive coefficient steers to (arXiv 1909.08593, section 2.2); default: fixed."""
    kl_horizon: int = 10_000
    """Responses over which an adaptive coefficient moves; smaller: faster."""
    reference_reset_rollouts: int = 0
    """Make the policy as it is the reference after so many roll-outs, again and again; 0: never."""


@dataclass(frozen=True)
class PPOOptions:
    """How a roll-out is learned from."""

    advantage: Literal["gae", "rloo", "grpo"] = "gae"
    """`gae`: by a critic; without one: `rloo`: a response less the mean of the others of its prompt; `grpo`: less the
    mean of all of them, over their standard deviation."""
    num_ppo_epochs: int = 4
    """Passes over a roll-out."""
    num_minibatches: int = 1
    """Optimiser steps of a pass."""
    clip_range: float = 0.2
    """How far the ratio of new to old probability may leave 1 before it is no longer rewarded."""
    value_clip_range: float = 0.2
    """The same for the critic's values, in units of reward."""
    value_coefficient: float = 0.1
    """Weight of the critic's loss."""
    gamma: float = 1.0
    """Discount from one token to the next."""
    gae_lambda: float = 0.95
    """0: advantages trust the critic alone; 1: the rewards alone."""
    whiten_advantages: bool = True
    """Shift and scale the advantages of a roll-out to mean 0 and variance 1."""
    loss_mean: Literal["tokens", "sequences", "response_sums"] = "tokens"
    """Whether all tokens count alike, or all responses; `response_sums`: the mean over responses of sums over their
    tokens, the gradient of the expected reward, which grows with their length."""
    critic_start: Literal["policy", "reward_model"] = "policy"
    """What the critic begins as: a copy of the policy that says 0, or the reward model, of the policy's tokens."""
    critic_warmup_rollouts: int = 0
    """First roll-outs, from which the critic alone learns."""


@dataclass(frozen=True)
class PolicyOptimizerOptions:
    """AdamW of policy and critic, each clipped by itself."""

    policy_learning_rate: float = 3e-6
    """Of the policy, or of its adapters."""
    critic_learning_rate: float = 3e-6
    """Of the critic."""
    policy_lr_scheduler_type: Literal["linear", "cosine", "constant"] = "linear"
    """How both rates fall: to 0 in a line or a half cosine, or not at all."""
    policy_warmup_ratio: float = 0.0
    """Share of the steps over which both rates rise from 0."""
    adam_epsilon: float = 1e-5
    """Added to the root of the second moment."""
    policy_max_grad_norm: float = 1.0
    """Gradients above this norm are scaled down; 0 leaves them as they are."""


@dataclass(frozen=True)
class PolicyTrainerOptions:
    """Who trains the policy."""

    policy_trainer: PolicyTrainer = "ours"
    """`ours`, or RLOO or GRPO by TRL (pip install 'rewardsmith[rl]') with the same prompts, rewards and rates; options
    that TRL cannot mean are refused."""


@dataclass(frozen=True)
class PolicyOptions:
    """One run of PPO."""

    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    rollouts: RolloutOptions = field(default_factory=RolloutOptions)
    rewards: RewardOptions = field(default_factory=RewardOptions)
    kl: KLOptions = field(default_factory=KLOptions)
    ppo: PPOOptions = field(default_factory=PPOOptions)
    optimizer: PolicyOptimizerOptions = field(default_factory=PolicyOptimizerOptions)
    samples_to_read: int = 4
    """Responses of each roll-out that are written out as text; 0: none."""

    @property
    def steps_per_rollout(self) -> int:
        return self.ppo.num_ppo_epochs * self.ppo.num_minibatches

    @property
    def num_steps(self) -> int:
        return self.rollouts.num_rollouts * self.steps_per_rollout


SETTINGS = {
    "ppo-summarize": PolicyOptions(rewards=RewardOptions(no_end="replace", no_end_penalty=1.0)),
    "ppo-paper": PolicyOptions(
        sampling=SamplingOptions(sampling="paper", max_new_tokens=512),
        rollouts=RolloutOptions(num_rollouts=2000, prompts_per_rollout=32),
        rewards=RewardOptions(reward_clip=0.8, no_end_penalty=0.0),
        ppo=PPOOptions(num_ppo_epochs=1, critic_start="reward_model"),
        optimizer=PolicyOptimizerOptions(policy_learning_rate=5e-7, critic_learning_rate=1.5e-6),
    ),
    "rloo": PolicyOptions(
        ppo=PPOOptions(advantage="rloo", num_ppo_epochs=1, whiten_advantages=False, loss_mean="response_sums"),
    ),
    "grpo": PolicyOptions(
        kl=KLOptions(kl_coef=0.0), ppo=PPOOptions(advantage="grpo", num_ppo_epochs=1, whiten_advantages=False)
    ),
}
"""Named settings (``--config embedded/NAME``). `ppo-summarize`: of summarize-from-feedback, as arXiv 2403.17031 has it;
`ppo-paper`: of arXiv 2401.06080, with the KL cost and clip of its MetaRM runs; `rloo` and `grpo`: what TRL's trainers
mean by the same options. What those do not tell is ours (docs/methods/ppo.md)."""


def check_policy_options(options: PolicyOptions) -> None:
    """``ConfigError`` for a value that no run can have."""
    for part, names, fits, words in _limits(options):
        for name in names:
            if not fits(getattr(part, name)):
                raise ConfigError(f"`{name}` {getattr(part, name)} {words}.")
    if not options.sampling.settings().temperature:
        raise ConfigError("`temperature` 0 draws the same response whenever a prompt comes: nothing can be learned.")
    if options.kl.kl_target is not None and not options.kl.kl_target > 0:
        raise ConfigError(f"`kl_target` {options.kl.kl_target} must be above 0.")
    if options.kl.kl_target is not None and not options.kl.kl_coef:
        raise ConfigError(f"`kl_target` {options.kl.kl_target}: a `kl_coef` of 0 stays 0 however it is multiplied.")
    if options.ppo.advantage != "gae":
        _check_without_critic(options)
    num = options.rollouts.prompts_per_rollout * options.rollouts.num_samples
    if options.ppo.num_minibatches > num:
        raise ConfigError(f"`num_minibatches` {options.ppo.num_minibatches}: a roll-out has {num} responses.")


def _limits(options: PolicyOptions) -> list[tuple[object, tuple[str, ...], Callable[[float], bool], str]]:
    """Part, names of its options, what their values must fulfil, and that in words."""
    rollouts, ppo, kl, optimizer = options.rollouts, options.ppo, options.kl, options.optimizer
    counts = ("num_rollouts", "prompts_per_rollout", "num_samples", "max_prompt_length")
    clips = ("clip_range", "value_clip_range", "value_coefficient", "critic_warmup_rollouts")
    rates = ("policy_learning_rate", "critic_learning_rate", "policy_max_grad_norm")
    return [
        (rollouts, (*counts, "rollout_max_tokens"), lambda value: value >= 1, "must be at least 1"),
        (ppo, ("num_ppo_epochs", "num_minibatches"), lambda value: value >= 1, "must be at least 1"),
        (kl, ("kl_horizon",), lambda value: value >= 1, "must be at least 1"),
        (ppo, clips, lambda value: value >= 0, "must not be negative"),
        (kl, ("kl_coef", "reference_reset_rollouts"), lambda value: value >= 0, "must not be negative"),
        (options.rewards, ("reward_clip", "no_end_penalty"), lambda value: value >= 0, "must not be negative"),
        (optimizer, rates, lambda value: value >= 0, "must not be negative"),
        (options, ("samples_to_read",), lambda value: value >= 0, "must not be negative"),
        (options.rewards, ("reward_std",), lambda value: value > 0, "must be above 0"),
        (optimizer, ("adam_epsilon",), lambda value: value > 0, "must be above 0"),
        (ppo, ("gamma", "gae_lambda"), lambda value: 0 <= value <= 1, "must be between 0 and 1"),
        (optimizer, ("policy_warmup_ratio",), lambda value: 0 <= value <= 1, "must be between 0 and 1"),
    ]


def _check_without_critic(options: PolicyOptions) -> None:
    name = options.ppo.advantage
    if options.rollouts.num_samples < 2:
        raise ConfigError(f"`advantage` {name} compares the responses to a prompt: `num_samples` must be at least 2.")
    if options.ppo.critic_warmup_rollouts:
        raise ConfigError(f"`advantage` {name} has no critic: `critic_warmup_rollouts` must be 0.")
    if options.ppo.critic_start != "policy":
        raise ConfigError(f"`advantage` {name} has no critic: leave `critic_start` out.")
