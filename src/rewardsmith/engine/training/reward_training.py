"""From a preference table and a reward model to a trained reward model: everything between data and saved folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa
import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.utils import DistributedType  # type: ignore[import-untyped]

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.batches.batch_forms import BatchForm, batch_form, usual_training_tokens
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs, Reason, encode_pairs
from rewardsmith.engine.batches.reward_module import RewardModule
from rewardsmith.engine.training.accelerators import BF16, computes_in_bf16, everywhere
from rewardsmith.engine.training.checkpoints import Checkpoints
from rewardsmith.engine.training.held_out import HeldOut, HeldOutWatch
from rewardsmith.engine.training.loop import Log, TrainOutcome, train
from rewardsmith.engine.training.options import CheckpointOptions, TrainOptions, check_options
from rewardsmith.engine.training.pair_source import PairSource
from rewardsmith.engine.training.recomputation import recomputed_blocks, what_again
from rewardsmith.engine.training.run_state import average_with_earlier
from rewardsmith.engine.training.subject import Source, Step
from rewardsmith.errors import DataError
from rewardsmith.models.layers.blocks import train_top_layers
from rewardsmith.models.layers.dropout import dropout_sites
from rewardsmith.tokens.encoding import ConversationEncoder

S = TypeVar("S", bound=Step)
WHY_LEFT_OUT: dict[Reason, str] = {
    "weight 0": "their weight is 0",
    "too long": "a conversation is longer than `max_length`",
    "same tokens": "both sides have the same tokens (`max_length`)",
}


@dataclass(frozen=True)
class Trained(Generic[S]):
    """What a training left besides the model's weights."""

    outcome: TrainOutcome
    pairs: EncodedPairs
    """What was learned from."""
    step: S


def train_reward_model(
    model: Any,
    encoder: ConversationEncoder,
    pairs: pa.Table,
    options: TrainOptions,
    accelerator: Accelerator,
    make_step: Callable[[EncodedPairs, TrainOptions], S],
    seed: int = 0,
    log: Log | None = None,
    save_to: Path | None = None,
    saving: CheckpointOptions = CheckpointOptions(),  # noqa: B008 - frozen
    num_views: int = 1,
    make_source: Callable[[PairSource, BatchForm], Source] | None = None,
    held_out: HeldOut | None = None,
) -> Trained[S]:
    """Trains ``model`` (a Hugging Face sequence-classification model, adapters or not) in place on the pairs.

    ``make_step`` gives the objective (``reward_step.reward_step``), ``num_views`` is how often it reads each pair.
    ``make_source`` may put more than the pairs into a step (``MetaSource``).
    ``save_to`` is a folder for checkpoints, made and read as ``saving`` says: the run goes on from the newest in it.
    On ``held_out`` the model is measured on the way.
    """
    check_options(options)
    train_top_layers(model, options.train_layers)
    encoded = _encoded(encoder, pairs, options, accelerator)
    if accelerator.distributed_type != DistributedType.FSDP:  # which moves shards only
        model.to(accelerator.device)  # where the check is to look at it
    form = batch_form(
        model, encoder, options.packing, lambda answer: everywhere(accelerator, answer), dropout=options.dropout > 0
    )
    source = _source(encoded, form, options, accelerator, num_views, seed)
    checkpoints = None
    if save_to is not None:
        work = {
            "pairs in a step": source.pairs_per_step,
            "pairs": len(encoded),
            "steps": source.num_steps,
            "packed": form.packed,
            BF16: computes_in_bf16(accelerator),
            **({"labels of": fingerprint_json(encoded.pair_id)} if options.data_smoothing else {}),
        }
        keep = max(saving.save_total_limit, saving.average_checkpoints)
        checkpoints = Checkpoints(save_to, saving.save_steps, keep, work)
    if accelerator.process_index:
        torch.manual_seed(seed + accelerator.process_index)  # else all processes would drop the same inputs of adapters
    if options.data_smoothing and source.num_steps <= source.steps_per_epoch:
        say(f"`data_smoothing` {options.data_smoothing} changes nothing: the run ends before a pair is met again.")
    step = make_step(encoded, options)
    watch = None
    if held_out is not None:
        if held_out.every > source.num_steps:
            say(f"`eval_steps` {held_out.every} measures nothing on the way: the run has {source.num_steps:,} steps.")
        watch = HeldOutWatch(held_out, encoder, form, source.max_tokens, accelerator, log)
    again = what_again(model, encoder, form, options, accelerator.device.type)
    with recomputed_blocks(model, again), dropout_sites(model, options.dropout, seed) as dropout:
        module = RewardModule(model, dropout)
        steps = make_source(source, form) if make_source else source
        outcome = train(module, steps, step, options, accelerator, log, checkpoints, watch=watch)
    if checkpoints is not None and saving.average_checkpoints > 1:
        num = average_with_earlier(module, checkpoints, saving.average_checkpoints, outcome.num_steps)
        say(f"The saved weights are the mean of {num} states: the last and {num - 1} checkpoints.")
    return Trained(outcome, encoded, step)


def _encoded(
    encoder: ConversationEncoder, pairs: pa.Table, options: TrainOptions, accelerator: Accelerator
) -> EncodedPairs:
    """Tokens of the pairs that are learned from; says how many are not, and why."""
    leave_out_long = options.on_long_pair == "leave_out"
    encoded = encode_pairs(encoder, pairs, not accelerator.is_main_process, leave_out_long)
    if accelerator.is_main_process:
        _say_what_is_left_out(encoded, encoder)
    if not len(encoded):
        raise DataError(
            f"No pair to train on: of {len(pairs)} pairs {encoded.num_left_out('weight 0')} have weight 0, "
            f"{encoded.num_left_out('too long')} are longer than {encoder.max_length} tokens and "
            f"{encoded.num_left_out('same tokens')} are the same twice after truncation to that."
        )
    return encoded


def _source(
    encoded: EncodedPairs,
    form: BatchForm,
    options: TrainOptions,
    accelerator: Accelerator,
    num_views: int,
    seed: int,
) -> PairSource:
    per_process = options.per_device_train_batch_size * options.gradient_accumulation_steps
    return PairSource(
        encoded,
        form,
        pairs_per_step=per_process * accelerator.num_processes,
        max_tokens=options.max_tokens_per_batch,
        usual_tokens=usual_training_tokens(accelerator.device.type, computes_in_bf16(accelerator)),
        seed=seed,
        num_epochs=options.num_train_epochs,
        max_steps=options.max_steps,
        num_views=num_views,
        process=accelerator.process_index,
        num_processes=accelerator.num_processes,
    )


def _say_what_is_left_out(encoded: EncodedPairs, encoder: ConversationEncoder) -> None:
    for reason, words in WHY_LEFT_OUT.items():
        if num := encoded.num_left_out(reason):
            say(f"{num:,} pairs are left out: {words}.")
    if encoded.num_truncated:
        share = encoded.num_truncated / len(encoded)
        say(f"{encoded.num_truncated:,} pairs ({share:.1%}) are cut on the {encoder.truncation_side} (`max_length`).")
