"""From the options of ``train`` and pairs to a trained model: the one way, for every verb."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from accelerate import Accelerator  # type: ignore[import-untyped]

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs
from rewardsmith.engine.training.contrastive.contrastive_options import check_contrastive
from rewardsmith.engine.training.contrastive.contrastive_step import contrastive_step
from rewardsmith.engine.training.held_out import HeldOut
from rewardsmith.engine.training.meta.meta_options import check_meta
from rewardsmith.engine.training.meta.meta_step import MetaStep
from rewardsmith.engine.training.meta.meta_training import MetaTraining
from rewardsmith.engine.training.options import TrainOptions, check_options, check_saving
from rewardsmith.engine.training.reward_step import RewardStep, reward_step
from rewardsmith.engine.training.reward_training import Trained, train_reward_model
from rewardsmith.engine.training.trackers import TrackedLog, check_trackers
from rewardsmith.errors import ConfigError
from rewardsmith.models.layers.heads import core_of, output_layer
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.starting import StartingModel, starting_model
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.preferences.unlabelled.samples import SampleSet
from rewardsmith.refining.choice import warning_of_rates
from rewardsmith.strength.label_noise.error_rates import with_error_rates
from rewardsmith.workflows.inputs.audit_folder import read_audit, refuse_another_version
from rewardsmith.workflows.options.train import TrainConfig

LOG = "metrics.jsonl"
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class TrainedModel:
    """A model in memory, what it began as, and how it came about."""

    model: Any
    start: StartingModel
    run: Trained[RewardStep | MetaStep]


def train_model(
    config: TrainConfig,
    path: Path,
    pairs: pa.Table,
    accelerator: Accelerator,
    eval_pairs: pa.Table | None = None,
    samples: SampleSet | None = None,
) -> TrainedModel:
    """A model, trained on the pairs and measured on others on the way; on all processes.

    ``samples``: those of ``meta_dataset``. Log and checkpoints go to the folder ``path``.
    """
    seed = config.run.seed
    held_out = HeldOut(eval_pairs, config.eval_steps) if eval_pairs is not None and config.eval_steps else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        start = starting_model(config.model, seed)
        model = add_lora(start.model, config.lora) if config.lora.use_peft else start.model
        main = accelerator.is_main_process
        make_step, options = _objective(config, model, accelerator)
        meta = None
        if samples is not None:
            meta = MetaTraining(samples.table, config.meta, start.encoder, options, accelerator, seed)
        with TrackedLog(path / LOG, config.trackers, flatten(config)) if main else nullcontext() as log:
            run = train_reward_model(
                model,
                start.encoder,
                pairs,
                options,
                accelerator,
                meta.make_step(make_step) if meta else make_step,
                seed=seed,
                log=log,
                save_to=path / CHECKPOINTS,
                saving=config.checkpoints,
                num_views=config.contrastive.num_views,
                make_source=meta.source if meta else None,
                held_out=held_out,
            )
    return TrainedModel(model, start, run)


def check_training(config: TrainConfig) -> None:
    check_options(config.train)
    check_contrastive(config.contrastive, config.train)
    check_meta(config.meta)
    check_saving(config.checkpoints)
    check_trackers(config.trackers)
    if not 0 <= config.eval_fraction < 1:
        raise ConfigError(f"--eval_fraction {config.eval_fraction} must be at least 0 and below 1.")
    if config.noise_aware and config.train.data_smoothing:
        raise ConfigError(
            f"--noise_aware and --data_smoothing {config.train.data_smoothing} exclude each other: both change labels."
        )
    if config.eval_steps < 0:
        raise ConfigError(f"--eval_steps {config.eval_steps} must be at least 1, or 0 for none.")
    if config.eval_steps and not (config.eval_fraction or config.eval_dataset_name):
        raise ConfigError(
            f"--eval_steps {config.eval_steps} has no pairs to measure on: add --eval_fraction or --eval_dataset_name."
        )
    if config.eval_fraction and config.eval_dataset_name:
        raise ConfigError(f"--eval_fraction {config.eval_fraction} and --eval_dataset_name exclude each other.")


def with_known_errors(config: TrainConfig, given: PreferenceSet, pairs: pa.Table) -> tuple[pa.Table, dict[str, str]]:
    """The pairs with the error rates of the audit that `noise_aware` names, if it does; fingerprints of its files."""
    if not config.noise_aware:
        return pairs, {}
    audit = read_audit(config.noise_aware)
    refuse_another_version(audit, "--noise_aware", given)
    if warning := warning_of_rates(audit.metrics["claim"]):
        say(warning)
    return with_error_rates(pairs, audit.pairs, audit.strengths, audit.share_wrong, str(audit.path)), audit.fingerprints


def _objective(
    config: TrainConfig, model: Any, accelerator: Accelerator
) -> tuple[Callable[[EncodedPairs, TrainOptions], RewardStep], TrainOptions]:
    """How a step is made of the pairs, and the options of the loop that go with it."""
    contrastive = config.contrastive
    if contrastive.contrastive == "none":
        return reward_step, config.train
    make_step = partial(
        contrastive_step,
        contrastive=contrastive,
        width=output_layer(core_of(model)).in_features,
        device=accelerator.device,
        seed=config.run.seed,
    )
    return make_step, replace(config.train, dropout=contrastive.contrast_dropout)
