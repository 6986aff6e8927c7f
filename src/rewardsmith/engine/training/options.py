"""Options of training. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rewardsmith.errors import ConfigError


@dataclass(frozen=True)
class TrainOptions:
    """One run of the training loop."""

    learning_rate: float = 1e-5
    """Peak learning rate (AdamW)."""
    num_train_epochs: float = 1.0
    """Passes over the pairs; may be a fraction."""
    max_steps: int = -1
    """Stop after this many optimiser steps; -1 follows --num_train_epochs."""
    per_device_train_batch_size: int = 8
    """Pairs of an optimiser step on each process, times --gradient_accumulation_steps."""
    gradient_accumulation_steps: int = 1
    """Multiplies the pairs of an optimiser step; how many forward passes it takes is up to --max_tokens_per_batch."""
    max_tokens_per_batch: int | None = None
    """Tokens in one forward pass, which bounds memory; default: 2048 (on a CPU 1024, with --bf16 4096), or the longest
    pair if that is more."""
    on_long_pair: Literal["truncate", "leave_out"] = "truncate"
    """A pair with a conversation over --max_length is cut on --truncation_side, or left out; left_out.jsonl names all
    pairs that are not learned from."""
    packing: Literal["auto", "off"] = "auto"
    """`auto`: decoders compute every shared prompt once and no padding, after a check on the model; `off`: padded."""
    lr_scheduler_type: Literal["linear", "cosine", "constant"] = "linear"
    """How the learning rate falls after the warm-up: to 0 in a line or a half cosine, or not at all."""
    warmup_ratio: float = 0.03
    """Share of the steps over which the learning rate rises from 0."""
    weight_decay: float = 0.0
    """AdamW weight decay of matrices."""
    max_grad_norm: float = 1.0
    """Gradients above this norm are scaled down; 0 leaves them as they are."""
    center_rewards_coefficient: float = 0.0
    """Weight of mean((r_chosen + r_rejected)^2), which keeps rewards near zero (arXiv 2312.09244; 0.01 is usual)."""
    dropout: float = 0.0
    """Share of the outputs of attention and MLP that each trained block drops, from 0 (none) to below 1. What is
    dropped is drawn for every step and token, and batches may be cut in any way."""
    data_smoothing: float = 0.0
    """Beta of iterative data smoothing (arXiv 2401.16335), from 0 to 1: how far the label of a pair moves towards the
    model's own probability each time the pair is met. Needs several passes."""
    batch_margin: float = 0.0
    """Scale, from 0 to 1, of a margin that the model estimates itself: the running mean of its gaps (arXiv
    2404.04932)."""
    norm_bt: bool = False
    """Divide the weight of every pair by the distance between the states of its responses, relative to the usual one
    (arXiv 2512.06343)."""
    logging_steps: int = 10
    """Optimiser steps between two lines of metrics.jsonl."""
    train_layers: int = -1
    """Train only so many of the top blocks, the final norm and the head; -1: all. Below them nothing is learned."""
    gradient_checkpointing: bool = False
    """Keep the input of each block alone for the backward pass and compute the block again: least memory, more time."""
    selective_checkpointing: Literal["auto", "on", "off"] = "auto"
    """Keep only results of matrix products and attention, and compute again what is cheap: about a quarter less memory
    for a few percent of the time. `auto`: on a CPU, unless states are narrower than 128; elsewhere it cannot be had."""
    bf16: bool = False
    """Compute in bfloat16 where that is safe (autocast); weights, loss and a decoder's head stay in float32. On a CPU:
    only on a processor that is faster at it, which a short measurement tells."""


@dataclass(frozen=True)
class CheckpointOptions:
    """States on disk from which an interrupted run goes on."""

    save_steps: int = 200
    """Optimiser steps between two checkpoints, in <output_dir>/checkpoints; 0: none. Ctrl-C saves one more."""
    save_total_limit: int = 2
    """Newest checkpoints kept; all are removed when the run has finished."""
    average_checkpoints: int = 1
    """Save the mean of the weights at the end and at the last checkpoints, so many in all; 1: those at the end."""


@dataclass(frozen=True)
class TrackerOptions:
    """Who besides metrics.jsonl is told how training goes."""

    report_to: str = "none"
    """`none`, or trackers separated by commas: tensorboard, wandb, trackio, mlflow, ... (accelerate's)."""
    run_name: str | None = None
    """Name of the run there; default: the name of the output folder."""


def check_saving(saving: CheckpointOptions) -> None:
    """``ConfigError`` for checkpoints that cannot be."""
    if saving.save_steps < 0:
        raise ConfigError(f"`save_steps` {saving.save_steps} must be at least 1, or 0 for no checkpoints.")
    if saving.average_checkpoints < 1:
        raise ConfigError(f"`average_checkpoints` {saving.average_checkpoints} must be at least 1.")
    if saving.average_checkpoints > 1 and not saving.save_steps:
        raise ConfigError(f"`average_checkpoints` {saving.average_checkpoints} needs checkpoints: `save_steps` is 0.")
    if saving.save_total_limit < 1:
        raise ConfigError(f"`save_total_limit` {saving.save_total_limit} must be at least 1 (`save_steps` 0: none).")


def check_options(options: TrainOptions) -> None:
    """``ConfigError`` for a value that no run can have; it names the flag."""
    at_least_one = ("per_device_train_batch_size", "gradient_accumulation_steps", "logging_steps")
    not_negative = ("weight_decay", "max_grad_norm", "center_rewards_coefficient")
    for name in at_least_one:
        if getattr(options, name) < 1:
            raise ConfigError(f"`{name}` {getattr(options, name)} must be at least 1.")
    for name in not_negative:
        if not getattr(options, name) >= 0:
            raise ConfigError(f"`{name}` {getattr(options, name)} must not be negative.")
    for name in ("data_smoothing", "batch_margin"):
        if not 0 <= getattr(options, name) <= 1:
            raise ConfigError(f"`{name}` {getattr(options, name)} must be between 0 (off) and 1.")
    if not 0 <= options.dropout < 1:
        raise ConfigError(f"`dropout` {options.dropout} must be at least 0 (none) and below 1.")
    if options.data_smoothing and options.max_steps < 0 and options.num_train_epochs <= 1:
        raise ConfigError(
            f"`data_smoothing` {options.data_smoothing} moves labels from one pass to the next, and `num_train_epochs` "
            f"{options.num_train_epochs} has no next: ask for 2 or more."
        )
    if options.max_tokens_per_batch is not None and options.max_tokens_per_batch < 1:
        raise ConfigError(f"`max_tokens_per_batch` {options.max_tokens_per_batch} must be at least 1.")
    if not 0 < options.learning_rate < float("inf"):
        raise ConfigError(f"`learning_rate` {options.learning_rate} must be above 0.")
    if not 0 <= options.warmup_ratio <= 1:
        raise ConfigError(f"`warmup_ratio` {options.warmup_ratio} must be between 0 and 1.")
    if options.train_layers < -1:
        raise ConfigError(f"`train_layers` {options.train_layers} must be at least 0, or -1 for all.")
    if options.max_steps == 0 or options.max_steps < -1:
        raise ConfigError(f"`max_steps` {options.max_steps} must be at least 1, or -1 for `num_train_epochs`.")
    if options.max_steps < 0 and not 0 < options.num_train_epochs < float("inf"):
        raise ConfigError(f"`num_train_epochs` {options.num_train_epochs} must be above 0.")
