"""From a preference table and a reward model to a trained reward model: everything between data and saved folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.utils import DistributedType  # type: ignore[import-untyped]

from rewardsmith.artifacts.fingerprints import fingerprint_json
from rewardsmith.artifacts.progress import say
from rewardsmith.engine.batches.batch_forms import batch_form, usual_training_tokens
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs, Reason, encode_pairs
from rewardsmith.engine.batches.pair_batches import PairLoader
from rewardsmith.engine.batches.reward_module import RewardModule
from rewardsmith.engine.training.accelerators import BF16, computes_in_bf16, everywhere
from rewardsmith.engine.training.checkpoints import Checkpoints
from rewardsmith.engine.training.corrections.batch_margin import BatchMargin
from rewardsmith.engine.training.corrections.correction import Correction
from rewardsmith.engine.training.corrections.data_smoothing import DataSmoothing
from rewardsmith.engine.training.corrections.noise_aware import NoiseAware
from rewardsmith.engine.training.loop import Log, TrainOutcome, train
from rewardsmith.engine.training.options import CheckpointOptions, TrainOptions
from rewardsmith.engine.training.recomputation import recomputed_blocks
from rewardsmith.engine.training.recomputation_check import what_again
from rewardsmith.engine.training.run_state import average_with_earlier
from rewardsmith.engine.training.steps import RewardStep
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.models.blocks import train_top_layers
from rewardsmith.models.dropout import dropout_sites
from rewardsmith.tokens.encoding import ConversationEncoder

WHY_LEFT_OUT: dict[Reason, str] = {
    "weight 0": "their weight is 0",
    "too long": "a conversation is longer than --max_length",
    "same tokens": "both sides have the same tokens (--max_length)",
}


def train_reward_model(
    model: Any,
    encoder: ConversationEncoder,
    pairs: pa.Table,
    options: TrainOptions,
    accelerator: Accelerator,
    seed: int = 0,
    log: Log | None = None,
    save_to: Path | None = None,
    saving: CheckpointOptions = CheckpointOptions(),  # noqa: B008 - frozen
) -> tuple[TrainOutcome, EncodedPairs]:
    """Trains ``model`` (a Hugging Face sequence-classification model, adapters or not) in place on the pairs.

    ``save_to`` is a folder for checkpoints, made and read as ``saving`` says: the run goes on from the newest in it.
    The pairs come back with the labels that they had at the end, which ``data_smoothing`` changes. A table with the
    columns ``contracts.tables.ERROR_RATES`` is learned by a loss that knows them.
    """
    check_options(options)
    train_top_layers(model, options.train_layers)
    encoded = encode_pairs(encoder, pairs, not accelerator.is_main_process, options.on_long_pair)
    if accelerator.is_main_process:
        _say_what_is_left_out(encoded, encoder)
    if not len(encoded):
        raise DataError(
            f"No pair to train on: of {len(pairs)} pairs {encoded.num_left_out('weight 0')} have weight 0, "
            f"{encoded.num_left_out('too long')} are longer than {encoder.max_length} tokens and "
            f"{encoded.num_left_out('same tokens')} are the same twice after truncation to that."
        )
    if accelerator.distributed_type != DistributedType.FSDP:  # which moves shards only
        model.to(accelerator.device)  # where the check is to look at it
    form = batch_form(
        model, encoder, options.packing, lambda answer: everywhere(accelerator, answer), dropout=options.dropout > 0
    )
    per_process = options.per_device_train_batch_size * options.gradient_accumulation_steps
    loader = PairLoader(
        encoded,
        form,
        pairs_per_step=per_process * accelerator.num_processes,
        max_tokens=options.max_tokens_per_batch,
        usual_tokens=usual_training_tokens(accelerator.device.type, computes_in_bf16(accelerator)),
        seed=seed,
        num_epochs=options.num_train_epochs,
        max_steps=options.max_steps,
        process=accelerator.process_index,
        num_processes=accelerator.num_processes,
    )
    checkpoints = None
    if save_to is not None:
        work = {
            "pairs in a step": per_process * accelerator.num_processes,
            "pairs": len(encoded),
            "steps": loader.num_steps,
            "packed": form.packed,
            BF16: computes_in_bf16(accelerator),
            **({"labels of": fingerprint_json(encoded.pair_id)} if options.data_smoothing else {}),
        }
        keep = max(saving.save_total_limit, saving.average_checkpoints)
        checkpoints = Checkpoints(save_to, saving.save_steps, keep, work)
    if accelerator.process_index:
        torch.manual_seed(seed + accelerator.process_index)  # else all processes would drop the same inputs of adapters
    if options.data_smoothing and loader.num_steps <= loader.steps_per_epoch:
        say(f"--data_smoothing {options.data_smoothing} changes nothing: the run ends before a pair is met again.")
    smoothing = DataSmoothing(encoded.target, options.data_smoothing) if options.data_smoothing else None
    corrections: list[Correction] = [smoothing] if smoothing else []
    if encoded.error_rates is not None:
        corrections.append(NoiseAware(encoded.error_rates))
    if options.batch_margin:
        corrections.append(BatchMargin(options.batch_margin))
    again = what_again(model, encoder, form, options, accelerator.device.type)
    with recomputed_blocks(model, again), dropout_sites(model, options.dropout, seed) as dropout:
        step = RewardStep(options.center_rewards_coefficient, tuple(corrections), dropout)
        module = RewardModule(model, dropout)
        outcome = train(module, loader, step, options, accelerator, log, checkpoints)
    if checkpoints is not None and saving.average_checkpoints > 1:
        num = average_with_earlier(module, checkpoints, saving.average_checkpoints, loader.num_steps)
        say(f"The saved weights are the mean of {num} states: the last and {num - 1} checkpoints.")
    return outcome, replace(encoded, target=smoothing.labels) if smoothing else encoded


def check_saving(saving: CheckpointOptions) -> None:
    """``ConfigError`` for checkpoints that cannot be."""
    if saving.save_steps < 0:
        raise ConfigError(f"--save_steps {saving.save_steps} must be at least 1, or 0 for no checkpoints.")
    if saving.average_checkpoints < 1:
        raise ConfigError(f"--average_checkpoints {saving.average_checkpoints} must be at least 1.")
    if saving.average_checkpoints > 1 and not saving.save_steps:
        raise ConfigError(f"--average_checkpoints {saving.average_checkpoints} needs checkpoints: --save_steps is 0.")
    if saving.save_total_limit < 1:
        raise ConfigError(f"--save_total_limit {saving.save_total_limit} must be at least 1 (--save_steps 0: none).")


def check_options(options: TrainOptions) -> None:
    """``ConfigError`` for a value that no run can have; it names the flag."""
    at_least_one = ("per_device_train_batch_size", "gradient_accumulation_steps", "logging_steps")
    not_negative = ("weight_decay", "max_grad_norm", "center_rewards_coefficient")
    for name in at_least_one:
        if getattr(options, name) < 1:
            raise ConfigError(f"--{name} {getattr(options, name)} must be at least 1.")
    for name in not_negative:
        if not getattr(options, name) >= 0:
            raise ConfigError(f"--{name} {getattr(options, name)} must not be negative.")
    for name in ("data_smoothing", "batch_margin"):
        if not 0 <= getattr(options, name) <= 1:
            raise ConfigError(f"--{name} {getattr(options, name)} must be between 0 (off) and 1.")
    if not 0 <= options.dropout < 1:
        raise ConfigError(f"`dropout` {options.dropout} must be at least 0 (none) and below 1.")
    if options.data_smoothing and options.max_steps < 0 and options.num_train_epochs <= 1:
        raise ConfigError(
            f"--data_smoothing {options.data_smoothing} moves labels from one pass to the next, and --num_train_epochs "
            f"{options.num_train_epochs} has no next: ask for 2 or more."
        )
    if options.max_tokens_per_batch is not None and options.max_tokens_per_batch < 1:
        raise ConfigError(f"--max_tokens_per_batch {options.max_tokens_per_batch} must be at least 1.")
    if not 0 < options.learning_rate < float("inf"):
        raise ConfigError(f"--learning_rate {options.learning_rate} must be above 0.")
    if not 0 <= options.warmup_ratio <= 1:
        raise ConfigError(f"--warmup_ratio {options.warmup_ratio} must be between 0 and 1.")
    if options.train_layers < -1:
        raise ConfigError(f"--train_layers {options.train_layers} must be at least 0, or -1 for all.")
    if options.max_steps == 0 or options.max_steps < -1:
        raise ConfigError(f"--max_steps {options.max_steps} must be at least 1, or -1 for --num_train_epochs.")
    if options.max_steps < 0 and not 0 < options.num_train_epochs < float("inf"):
        raise ConfigError(f"--num_train_epochs {options.num_train_epochs} must be above 0.")


def _say_what_is_left_out(encoded: EncodedPairs, encoder: ConversationEncoder) -> None:
    for reason, words in WHY_LEFT_OUT.items():
        if num := encoded.num_left_out(reason):
            say(f"{num:,} pairs are left out: {words}.")
    if encoded.num_truncated:
        share = encoded.num_truncated / len(encoded)
        say(f"{encoded.num_truncated:,} pairs ({share:.1%}) are cut on the {encoder.truncation_side} (--max_length).")
