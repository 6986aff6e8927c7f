"""``rewardsmith train``: pairs in, a Hugging Face reward model out."""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from rewardsmith.artifacts.files.atomic import write_jsonl, write_table
from rewardsmith.artifacts.files.rows import read_rows
from rewardsmith.artifacts.runs.metrics_file import write_metrics
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.artifacts.terminal.progress import say, set_quiet
from rewardsmith.contracts.conversations import Refusals
from rewardsmith.contracts.metrics.train import EvaluatedTrainMetrics, TrainMetrics
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs
from rewardsmith.engine.hardware.devices import choose_device, use_all_cores
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.checkpoints import work_before
from rewardsmith.engine.training.corrections.data_smoothing import SMOOTHED_LABELS, smoothed_labels
from rewardsmith.engine.training.meta.meta_step import MetaStep
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.engine.training.reward_training import Trained
from rewardsmith.engine.training.run_state import weights_from_shards
from rewardsmith.evaluation.reward_benchmark import benchmark_rewards
from rewardsmith.metrics.calibration import pair_surprise
from rewardsmith.models.loading.reward_models import save_reward_model
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.grouping import hold_out_groups
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.preferences.sources.folder_files import DEFAULT_SPLIT
from rewardsmith.report.notebook import MeasuredResult
from rewardsmith.report.train.terminal import nothing_learned, print_training, say_what_is_taken
from rewardsmith.workflows.inputs.meta_samples import META_QUARANTINE, meta_inputs, meta_samples, say_shared_prompts
from rewardsmith.workflows.inputs.origins import EVAL_INPUT
from rewardsmith.workflows.inputs.refused_rows import refusals_of, set_aside_refused
from rewardsmith.workflows.inputs.sample_files import write_quarantine
from rewardsmith.workflows.options.train import TrainConfig
from rewardsmith.workflows.outputs.output_paths import default_output, open_folder
from rewardsmith.workflows.outputs.saved_model import forget_unsaved, saved_into
from rewardsmith.workflows.steps.train_model import CHECKPOINTS, LOG, check_training, train_model, with_known_errors

LEFT_OUT = "left_out.jsonl"
# Another number of processes needs other values for the same pairs in a step, which is what checkpoints insist on.
PARTS_OF_A_STEP = ("per_device_train_batch_size", "gradient_accumulation_steps", "max_tokens_per_batch")


@dataclass(frozen=True, repr=False)
class TrainResult(MeasuredResult[TrainMetrics | EvaluatedTrainMetrics]):
    """A trained reward model and what is known about it.

    ``path``: for ``AutoModelForSequenceClassification.from_pretrained`` (or peft), `rewardsmith evaluate`, ...
    """

    advice: str | None = None
    """What to look at where nothing was learned."""

    def in_short(self) -> str:
        return f"{self.metrics['num_pairs']:,} pairs, {self.metrics['num_steps']:,} steps"

    def print(self, console: Any) -> None:
        print_training(self.metrics, self.path, self.advice, console)


def run_train(config: TrainConfig, dataset: Any = None) -> TrainResult:
    """Trains, saves, and evaluates where there is something to evaluate on.

    ``dataset`` replaces ``dataset_name`` with rows in memory. A run that was interrupted goes on from its newest
    checkpoint; nothing that looks like a finished model is ever left half written.
    """
    set_quiet(config.run.quiet)
    check_training(config)
    seed, device = config.run.seed, choose_device(config.model.device)
    path = Path(config.run.output_dir) if config.run.output_dir else None
    before = work_before(path / CHECKPOINTS) if path and not config.run.overwrite else {}
    accelerator = make_accelerator(device, config.train.bf16, before)
    main = accelerator.is_main_process
    set_quiet(config.run.quiet or not main)
    say_what_is_taken(config.model)
    if device == "cpu":
        use_all_cores()
    given = load_preferences(dataset if dataset is not None else config.data.dataset_name, config.data, seed)
    refusals = refusals_of(config.model)
    given = set_aside_refused(given, refusals, config.data)
    train_pairs, eval_pairs, other_inputs = _split(config, given, refusals)
    train_pairs, audited = with_known_errors(config, given, train_pairs)
    samples = meta_samples(config, refusals)
    say_shared_prompts(samples, eval_pairs)
    other_inputs = other_inputs | audited | meta_inputs(samples)
    path = Path(config.run.output_dir or default_output("train", given.name))
    folder = _open_folder(config, given, other_inputs) if main else None
    if main:
        write_quarantine(path / META_QUARANTINE, samples)
    accelerator.wait_for_everyone()
    with folder.abandoned_on_input_error(unless=CHECKPOINTS) if folder else nullcontext():
        trained = train_model(config, path, train_pairs, accelerator, eval_pairs, samples)
    model, encoded = trained.model, trained.run.pairs
    metrics: TrainMetrics | EvaluatedTrainMetrics = _train_metrics(trained.run, given.columns_not_read)
    weights = weights_from_shards(model, accelerator)
    if folder is None:  # another process saves
        accelerator.wait_for_everyone()
        return TrainResult(str(path), metrics)
    extra = {**trained.start.extra, "dataset": given.name}
    with saved_into(path) as saving:
        save_reward_model(model, trained.start.tokenizer, saving, extra, weights)
    accelerator.wait_for_everyone()  # here and not at the end: an evaluation can outlast what processes wait for
    if encoded.left_out:
        write_jsonl(path / LEFT_OUT, map(asdict, encoded.left_out))
    if config.train.data_smoothing:
        write_table(path / SMOOTHED_LABELS, smoothed_labels(train_pairs, trained.run.step.labels(encoded)))
    if eval_pairs is None:
        write_metrics(path, metrics, TrainMetrics)
    else:
        metrics = _evaluate(metrics, str(path), train_pairs, eval_pairs, device, seed)
        write_metrics(path, metrics, EvaluatedTrainMetrics)
    folder.finish(device=str(accelerator.device), scratch=[CHECKPOINTS])
    return TrainResult(str(path), metrics, _advice(path / LOG, encoded, config))


def _advice(log: Path, pairs: EncodedPairs, config: TrainConfig) -> str | None:
    if config.train.batch_margin:  # the model's own margins move the loss of constant rewards
        return None
    constant = float(np.average(pair_surprise(-pairs.margin, pairs.target), weights=pairs.weight))
    losses = [row["loss"] for row in read_rows(log) if row.get("loss") is not None]
    return nothing_learned(losses, constant, config.train.learning_rate, config.model.model_name_or_path)


def _split(
    config: TrainConfig, given: PreferenceSet, refusals: Refusals
) -> tuple[pa.Table, pa.Table | None, dict[str, str]]:
    """Training pairs, pairs to evaluate on if any, and fingerprints of the files that only evaluation reads."""
    if config.eval_dataset_name:
        other = load_other(config.eval_dataset_name, config.data, refusals, config.run.seed)
        return given.table, other.table, {f"{EVAL_INPUT}{name}": print_ for name, print_ in other.sources.items()}
    if config.eval_fraction:
        train_pairs, eval_pairs = hold_out_groups(given.table, config.eval_fraction, config.run.seed)
        return train_pairs, eval_pairs, {}
    return given.table, None, {}


def load_other(name: str, data: DataOptions, refusals: Refusals, seed: int) -> PreferenceSet:
    """Another set, whole, read as the training set is."""
    options = replace(data, dataset_name=name, max_pairs=None)
    if Path(name).is_file():  # the split is that of the training set
        options = replace(options, dataset_split=DEFAULT_SPLIT)
    return set_aside_refused(load_preferences(name, options, seed), refusals, options)


def _open_folder(config: TrainConfig, given: PreferenceSet, other_inputs: dict[str, str]) -> RunFolder:
    folder = open_folder("train", config, given, other_inputs, PARTS_OF_A_STEP)
    if folder.resumed:
        say(f"The run in {folder.path} was interrupted.")
    forget_unsaved(folder.path)
    return folder


def _train_metrics(trained: Trained[RewardStep | MetaStep], columns_not_read: dict[str, int]) -> TrainMetrics:
    outcome, encoded = trained.outcome, trained.pairs
    last = cast(dict[str, float], outcome.last)  # of these, only the accuracy can be None
    return {
        "num_pairs": len(encoded),
        "columns_not_read": columns_not_read,
        "num_steps": outcome.num_steps,
        "num_epochs": last["epoch"],
        "num_without_weight": encoded.num_left_out("weight 0"),
        "num_too_long": encoded.num_left_out("too long"),
        "num_identical_after_truncation": encoded.num_left_out("same tokens"),
        "truncated_share": encoded.num_truncated / len(encoded),
        "train_runtime_s": outcome.seconds,
        "train_pairs_per_s": outcome.per_s("pairs"),
        "train_loss": last["loss"],
        "train_accuracy": outcome.last["accuracy"],
        "train_gap_mean": last["gap_mean"],
        "train_mean_reward": last["mean_reward"],
    }


def _evaluate(
    metrics: TrainMetrics, path: str, train_pairs: pa.Table, eval_pairs: pa.Table, device: str, seed: int
) -> EvaluatedTrainMetrics:
    """The metrics with the numbers of the model as it was saved, on the pairs held out."""
    options = ScoringOptions(device=device)  # type: ignore[arg-type] # one of these, chosen and said before
    with closing(open_scorer(path, options, quiet=False)) as scorer:
        result = benchmark_rewards(scorer, eval_pairs, seed)
    seen = set(train_pairs.column("prompt_id").to_pylist())
    prompts = set(eval_pairs.column("prompt_id").to_pylist())
    shared = len(prompts & seen)
    if shared:
        say(f"{shared:,} of {len(prompts):,} evaluation prompts were also trained on.")
    return {**metrics, **result.metrics, "eval_num_prompts_trained_on": shared}
