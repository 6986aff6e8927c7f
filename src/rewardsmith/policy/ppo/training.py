"""From a policy, prompts and a scorer to a better policy: everything between loaded models and a saved folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.utils import DistributedType  # type: ignore[import-untyped]
from torch import nn

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.hardware.devices import use_all_cores
from rewardsmith.engine.scoring.local_scorer import state_fingerprint
from rewardsmith.engine.training.accelerators import BF16, computes_in_bf16
from rewardsmith.engine.training.checkpoints import Checkpoints
from rewardsmith.engine.training.loop import Log, TrainOutcome, Watch, train
from rewardsmith.engine.training.optimizers import FUSED_DEVICES
from rewardsmith.engine.training.options import CheckpointOptions, TrainOptions
from rewardsmith.errors import ConfigError
from rewardsmith.models.loading.positions import position_limit
from rewardsmith.policy.networks.actor_critic import ActorCritic
from rewardsmith.policy.networks.critic import Critic, critic_of_policy
from rewardsmith.policy.networks.reference import FrozenCopy, reference_of
from rewardsmith.policy.options import PolicyOptimizerOptions, PolicyOptions, check_policy_options
from rewardsmith.policy.ppo.rollout_source import RolloutSource
from rewardsmith.policy.ppo.step import PPOStep
from rewardsmith.policy.rollouts.maker import RolloutMaker
from rewardsmith.policy.rollouts.prompt_set import prompt_set
from rewardsmith.policy.rollouts.rewards import RewardRule


@dataclass(frozen=True)
class TrainedPolicy:
    """What a training left besides the policy's own weights, which changed in place."""

    outcome: TrainOutcome
    module: ActorCritic
    on_policy: bool
    """False: the logged KL, entropy and means are over responses that the policy itself would not draw so."""


def train_policy(
    policy: Any,
    tokenizer: Any,
    prompts: Sequence[Conversation],
    scorer: Scorer,
    options: PolicyOptions,
    accelerator: Accelerator,
    seed: int = 0,
    critic: Critic | None = None,
    reference: Any | None = None,
    log: Log | None = None,
    samples: MetricsLog | None = None,
    save_to: Path | None = None,
    saving: CheckpointOptions = CheckpointOptions(),  # noqa: B008 - frozen
    watch: Watch | None = None,
    logging_rollouts: int = 1,
    quiet: bool = False,
    gold: Scorer | None = None,
) -> TrainedPolicy:
    """Trains ``policy`` (what ``load_policy`` gives, adapters or not) in place for the rewards of ``scorer``.

    ``critic``: None for one that begins as a copy of the policy, where the options ask for one. ``reference``: another
    policy to stay near; None: this one as it is now. ``save_to`` is a folder for checkpoints, made and read as
    ``saving`` says: the run goes on from the newest in it. ``samples`` is told some responses of each roll-out.
    ``gold``: true rewards, which are logged beside the others and never learned from.
    """
    if accelerator.device.type == "cpu":
        use_all_cores()  # as scorers do, which would else change rounding in the middle of the run
    check_policy_options(options)
    _check_processes(options, accelerator)
    check_length(policy, options.rollouts.max_prompt_length, options.sampling.max_new_tokens)
    on_policy = options.sampling.settings().on_policy
    if not on_policy:
        say("Responses are drawn off policy (`temperature`, `top_p` or `repetition_penalty`): their KL is biased.")
    model = _actor_critic(policy, critic, options)
    staying_near = reference_of(policy) if reference is None else FrozenCopy(reference)
    model.to(accelerator.device)
    if isinstance(staying_near, FrozenCopy):
        staying_near.model.to(accelerator.device)
    answered = prompt_set(tokenizer, prompts, options.rollouts.max_prompt_length)
    maker = RolloutMaker(answered, RewardRule(scorer, options.rewards, gold), staying_near, options, accelerator, seed)
    read = samples if accelerator.is_main_process and options.samples_to_read else None
    source = RolloutSource(maker, options, accelerator, seed, read)
    checkpoints = None
    if save_to is not None:
        work = {
            "options": fingerprint_json(flatten(options)),
            "prompts": fingerprint_json(list(answered.tokens)),
            "rewards of": scorer.fingerprint,
            "reference": state_fingerprint(policy if reference is None else reference),
            "seed": seed,
            BF16: computes_in_bf16(accelerator),
        }
        checkpoints = Checkpoints(save_to, saving.save_steps, saving.save_total_limit, work)
    outcome = train(
        model,
        source,
        PPOStep(options.ppo, sees_gold=gold is not None),
        loop_options(options, logging_rollouts),
        accelerator,
        log,
        checkpoints,
        make_policy_optimizer(model, options.optimizer, accelerator.device),
        watch,
        description="Improving the policy",
        quiet=quiet,
    )
    return TrainedPolicy(outcome, model, on_policy)


def make_policy_optimizer(
    model: ActorCritic, options: PolicyOptimizerOptions, device: torch.device
) -> torch.optim.AdamW:
    """AdamW without decay: what is trained of the policy at its rate, the critic at another."""
    rated = [(model.policy, options.policy_learning_rate), (model.critic, options.critic_learning_rate)]
    groups = [
        {"params": [parameter for parameter in part.parameters() if parameter.requires_grad], "lr": rate}
        for part, rate in rated
        if part is not None
    ]
    fused = device.type in FUSED_DEVICES
    return torch.optim.AdamW(groups, eps=options.adam_epsilon, weight_decay=0.0, fused=fused)


def _actor_critic(policy: Any, critic: Critic | None, options: PolicyOptions) -> ActorCritic:
    without_dropout(policy)
    if options.ppo.advantage != "gae":
        return ActorCritic(policy)
    return ActorCritic(policy, critic_of_policy(policy) if critic is None else critic)


def without_dropout(policy: Any) -> None:
    """Switches it off: a ratio of two draws of it would be noise."""
    for module in policy.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0


def loop_options(options: PolicyOptions, logging_rollouts: int) -> TrainOptions:
    """What the loop goes by: how the rates fall, and when a line is written."""
    own = options.optimizer
    return TrainOptions(
        learning_rate=own.policy_learning_rate,
        lr_scheduler_type=own.policy_lr_scheduler_type,
        warmup_ratio=own.policy_warmup_ratio,
        max_grad_norm=own.policy_max_grad_norm,
        logging_steps=options.steps_per_rollout * logging_rollouts,
    )


def check_length(policy: Any, prompt: int, response: int, named: str = "`max_prompt_length`") -> None:
    """``ConfigError`` where prompt and response may be longer than what the policy reads."""
    limit = position_limit(policy.config)
    if limit is not None and prompt + response > limit:
        raise ConfigError(
            f"{named} {prompt} and `max_new_tokens` {response} make {prompt + response} tokens; the policy reads "
            f"{limit}. Lower one of them."
        )


def refuse_sharded(accelerator: Accelerator) -> None:
    """``ConfigError`` for FSDP."""
    if accelerator.distributed_type == DistributedType.FSDP:
        raise ConfigError("A policy cannot be trained sharded (FSDP): a shard draws nothing. Use DDP, or adapters.")


def _check_processes(options: PolicyOptions, accelerator: Accelerator) -> None:
    refuse_sharded(accelerator)
    rollouts, num_minibatches = options.rollouts, options.ppo.num_minibatches
    num = rollouts.prompts_per_rollout * rollouts.num_samples // num_minibatches
    if num < accelerator.num_processes:
        raise ConfigError(
            f"`num_minibatches` {num_minibatches} leaves {num} responses for {accelerator.num_processes} processes: "
            "every process needs one."
        )
