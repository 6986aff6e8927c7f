"""From a policy and demonstrations to a policy that answers like them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator  # type: ignore[import-untyped]

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.hardware.devices import use_all_cores
from rewardsmith.engine.scoring.local_scorer import state_fingerprint
from rewardsmith.engine.training.accelerators import BF16, computes_in_bf16
from rewardsmith.engine.training.checkpoints import Checkpoints
from rewardsmith.engine.training.loop import Log, TrainOutcome, Watch, train
from rewardsmith.engine.training.options import CheckpointOptions, TrainOptions
from rewardsmith.models.loading.positions import position_limit
from rewardsmith.policy.imitation.demonstrations import encode_demonstrations
from rewardsmith.policy.imitation.imitation_source import ImitationSource
from rewardsmith.policy.imitation.imitation_step import ImitationStep
from rewardsmith.policy.imitation.options import ImitationOptions, ImitationTrainingOptions, check_imitation
from rewardsmith.policy.imitation.own_responses import Responder
from rewardsmith.policy.networks.actor_critic import ActorCritic
from rewardsmith.policy.ppo.training import check_length, refuse_sharded, without_dropout
from rewardsmith.sampling.options import SamplingOptions


@dataclass(frozen=True)
class Imitated:
    """What a training left besides the policy's own weights, which changed in place."""

    outcome: TrainOutcome
    num_demonstrations: int
    """Learned from; the others are too long."""


def imitate(
    policy: Any,
    tokenizer: Any,
    given: Sequence[Conversation],
    options: ImitationOptions,
    accelerator: Accelerator,
    training: ImitationTrainingOptions = ImitationTrainingOptions(),  # noqa: B008 - frozen
    sampling: SamplingOptions = SamplingOptions(),  # noqa: B008 - frozen
    seed: int = 0,
    log: Log | None = None,
    save_to: Path | None = None,
    saving: CheckpointOptions = CheckpointOptions(),  # noqa: B008 - frozen
    watch: Watch | None = None,
    quiet: bool = False,
) -> Imitated:
    """Trains ``policy`` (what ``load_policy`` gives, adapters or not) in place on conversations that end as wanted.

    ``save_to`` is a folder for checkpoints, made and read as ``saving`` says: the run goes on from the newest in it.
    """
    if accelerator.device.type == "cpu":
        use_all_cores()
    check_imitation(options, training)
    refuse_sharded(accelerator)
    longest = min(training.max_length, position_limit(policy.config) or training.max_length)
    demonstrations = encode_demonstrations(tokenizer, given, longest)
    without_dropout(policy)
    answers = options.imitation != "sft"
    if answers:
        check_length(policy, demonstrations.longest_prompt, sampling.max_new_tokens, "A prompt of")
        if not sampling.settings().on_policy:
            say("The policy answers off policy (`temperature`, `top_p` or `repetition_penalty`).")
    model = ActorCritic(policy).to(accelerator.device)
    checkpoints = None
    if save_to is not None:
        work = {
            "options": fingerprint_json([flatten(options), flatten(training), flatten(sampling)]),
            "demonstrations": fingerprint_json([demonstrations.prompts, demonstrations.responses]),
            "policy": state_fingerprint(policy),
            "seed": seed,
            BF16: computes_in_bf16(accelerator),
        }
        checkpoints = Checkpoints(save_to, saving.save_steps, saving.save_total_limit, work)
    responder = Responder(demonstrations, sampling, training.max_tokens_per_batch, accelerator, seed)
    outcome = train(
        model,
        ImitationSource(
            demonstrations,
            responder if answers else None,
            options.num_rounds if answers else 1,
            training,
            accelerator,
            seed,
        ),
        ImitationStep(options),
        loop_options(training),
        accelerator,
        log,
        checkpoints,
        watch=watch,
        description="Imitating demonstrations",
        quiet=quiet,
    )
    return Imitated(outcome, len(demonstrations))


def loop_options(training: ImitationTrainingOptions) -> TrainOptions:
    """What the loop goes by."""
    names = ("learning_rate", "lr_scheduler_type", "warmup_ratio", "max_grad_norm", "logging_steps")
    return TrainOptions(**{name: getattr(training, name) for name in names})
