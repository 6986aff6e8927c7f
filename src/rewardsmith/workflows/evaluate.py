"""``rewardsmith evaluate``: how good is a reward model on a preference set, and how sure is that?"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.files.atomic import write_table, write_text
from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.runs.metrics_file import write_metrics
from rewardsmith.artifacts.terminal.progress import say, set_quiet
from rewardsmith.contracts.metrics.evaluate import EvaluateMetrics, NamedSamples, SampleNumbers
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.evaluation.comparison import compare_models
from rewardsmith.evaluation.label_views import compare_views, label_views
from rewardsmith.evaluation.pair_states import SeenStates, look_at_states, pairs_to_look_at
from rewardsmith.evaluation.policy_samples import compare_samples, sample_numbers, score_samples
from rewardsmith.evaluation.reward_benchmark import RewardBenchmark, benchmark_rewards, reward_table
from rewardsmith.evaluation.scored_pairs import score_pairs
from rewardsmith.evaluation.state_maps import map_table
from rewardsmith.models.loading.kept_temperature import (
    TemperatureFit,
    fitted_on,
    folder_for_temperature,
    keep_temperature,
    read_temperature,
)
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.preferences.unlabelled.samples import SampleSet
from rewardsmith.report.evaluate.report import render_evaluate_report
from rewardsmith.report.evaluate.terminal import print_evaluation, print_samples, print_states, print_views
from rewardsmith.report.evaluate.words import in_sample
from rewardsmith.report.notebook import ReportedResult
from rewardsmith.workflows.inputs.origins import learned_from
from rewardsmith.workflows.inputs.refused_rows import set_aside_refused
from rewardsmith.workflows.inputs.sample_files import read_samples, taken_by_both, takes_all, write_quarantine
from rewardsmith.workflows.inputs.second_labels import SECOND_QUARANTINE, read_second_labels
from rewardsmith.workflows.options.evaluate import EvaluateConfig
from rewardsmith.workflows.outputs.output_paths import open_folder

SAMPLES_QUARANTINE = "samples_quarantine.jsonl"
MOST_STATE_PAIRS = 2000
"""Every state is compared with every other."""


@dataclass(frozen=True, repr=False)
class EvaluateResult(ReportedResult[EvaluateMetrics]):
    """Numbers of a reward model on a set, and the folder with the reward of every response."""

    def in_short(self) -> str:
        accuracy = self.metrics["eval_accuracy"]
        return f"{self.metrics['eval_num_pairs']:,} pairs" + ("" if accuracy is None else f", accuracy {accuracy:.3f}")

    def summary(self) -> dict[str, Any]:
        return {"path": self.path, **self.metrics}

    def print(self, console: Any) -> None:
        comparison = self.metrics.get("comparison")
        for trained in (self.metrics, comparison):
            if trained and trained["in_sample"]:
                console.print(in_sample(trained["reward_model"]), style="bold", markup=False, highlight=False)
        print_evaluation(self.metrics, console, comparison)
        if self.metrics["states"]:
            print_states(self.metrics["states"], console)
        if comparison and comparison["states"]:
            print_states(comparison["states"], console, "That of the other model")
        if self.metrics["samples"]:
            print_samples(self.metrics["samples"], console, comparison["samples"] if comparison else None)
        if self.metrics["second_labels"]:
            print_views(self.metrics["second_labels"], console, comparison["second_labels"] if comparison else None)
        console.print(f"Rewards of every pair: {self.path}/rewards.parquet", markup=False, highlight=False)
        console.print(f"Report: {self.report_path}", markup=False, highlight=False)


def run_evaluate(config: EvaluateConfig, dataset: Any = None) -> EvaluateResult:
    """Scores a set; writes ``metrics.json``, ``rewards.parquet``, ``states.parquet`` and ``report.html``.

    ``dataset``: rows in memory. With ``fit_temperature`` the model's folder is changed too. Where no temperature can be
    fitted, everything else is written before ``DataError`` says so.
    """
    set_quiet(config.run.quiet)
    if not 0 <= config.state_pairs <= MOST_STATE_PAIRS:
        raise ConfigError(f"--state_pairs {config.state_pairs} must be between 0 and {MOST_STATE_PAIRS:,}.")
    home = folder_for_temperature(config.reward_model_path) if config.fit_temperature else None
    given = load_preferences(dataset if dataset is not None else config.data.dataset_name, config.data, config.run.seed)
    inputs: dict[str, str] = {}
    samples: SampleSet | None = None
    if config.compare_to is not None:  # opened now, so that a broken one does not stop the run when half is done
        with _opened(config.compare_to, config) as scorer:
            inputs["compared model"] = fingerprint_json(scorer.fingerprint)
            given = set_aside_refused(given, scorer.refusals, config.data)
            samples = _samples(config, scorer)
    with _opened(config.reward_model_path, config) as scorer:
        fingerprint, device = scorer.fingerprint, scorer.device
        given = set_aside_refused(given, scorer.refusals, config.data)
        if home:
            _refuse_training_set(home, given, config.data.dataset_split)
        samples = _samples(config, scorer, samples)
        second = read_second_labels(config.second_labels, config.data, given)
        inputs |= {"reward model": fingerprint_json(fingerprint)}
        inputs |= {name: print_ for beside in (samples, second) if beside for name, print_ in beside.sources.items()}
        folder = open_folder("evaluate", config, given, inputs)
        write_quarantine(folder.path / SAMPLES_QUARANTINE, samples)
        write_quarantine(folder.path / SECOND_QUARANTINE, second)
        kept = read_temperature(config.reward_model_path, fingerprint)
        result = benchmark_rewards(scorer, given.table, config.run.seed, kept_temperature=kept)
        looked_at = pairs_to_look_at(given.table, config.state_pairs, config.run.seed)
        states = look_at_states(scorer, looked_at, config.run.seed)
        sampled = score_samples(scorer, samples.table) if samples else None
    metrics: EvaluateMetrics = {
        **result.metrics,  # type: ignore[typeddict-item] # it holds no comparison
        "reward_model": config.reward_model_path,
        "in_sample": _trained_on(config.reward_model_path, given, config),
        "kept_temperature_in_sample": kept is not None
        and fitted_on(config.reward_model_path, given.name, len(result.scored.gap)),
        "dataset": given.name,
        "num_quarantined": len(given.quarantine),
        "columns_not_read": given.columns_not_read,
        "num_conversations_cut": result.scored.num_truncated,
        "states": states.numbers,
        "samples": _named(samples, sample_numbers(sampled, config.run.seed)) if samples and sampled else None,
        "second_labels": None,
    }
    if second:
        others = second.target[given.table["weight"].to_numpy() > 0]
        metrics["second_labels"] = {**second.counts, **label_views(result.scored, others, config.run.seed)}
    other, other_states, compared = None, SeenStates(), None
    if config.compare_to is not None:
        with _opened(config.compare_to, config) as scorer:
            other = score_pairs(scorer, given.table)
            other_states = look_at_states(scorer, looked_at, config.run.seed)
            if samples and sampled:
                compared = compare_samples(sampled, score_samples(scorer, samples.table), config.run.seed)
        metrics["comparison"] = {
            "reward_model": config.compare_to,
            "in_sample": _trained_on(config.compare_to, given, config),
            **compare_models(result.scored, other, config.run.seed),
            "states": other_states.numbers,
            "samples": compared,
            "second_labels": compare_views(result.scored, other, others, config.run.seed) if second else None,
        }
    write_table(folder.path / "rewards.parquet", reward_table(result.scored, other))
    if home and metrics["eval_temperature"] is not None:
        keep_temperature(home, metrics["eval_temperature"], _fit(result, fingerprint, given.name))
        say(f"The temperature is kept in {home / 'rewardsmith.json'}: `rewardsmith score --probabilities` uses it.")
    maps = map_table(looked_at, states.map, other_states.map)
    if maps is not None:
        write_table(folder.path / "states.parquet", maps)
    write_text(folder.path / "report.html", render_evaluate_report(metrics, maps))
    write_metrics(folder.path, metrics, EvaluateMetrics)
    folder.finish(device)
    if home and metrics["eval_temperature"] is None:
        raise DataError(
            f"--fit_temperature: {metrics['eval_temperature_note']}. {home} is as it was; the other numbers are in "
            f"{folder.path}."
        )
    return EvaluateResult(str(folder.path), metrics)


def _opened(path: str, config: EvaluateConfig) -> closing[Scorer]:
    return closing(open_scorer(path, config.scoring, config.run.quiet))


def _samples(config: EvaluateConfig, scorer: Scorer, others: SampleSet | None = None) -> SampleSet | None:
    """Those of ``samples_file`` that this model takes, and that of ``others`` too; read anew only where they differ."""
    if config.samples_file is None:
        return None
    if others and takes_all(scorer.refusals, others):
        return others
    options = RowOptions(dataset_name=config.samples_file, on_bad_row=config.data.on_bad_row)
    found = read_samples(options, scorer.refusals)
    return taken_by_both(found, others) if others else found


def _named(samples: SampleSet, numbers: SampleNumbers) -> NamedSamples:
    return {"dataset": samples.name, "num_quarantined": len(samples.quarantine), **numbers}


def _fit(result: RewardBenchmark, scorer: str, dataset: str) -> TemperatureFit:
    m = result.metrics
    low, high = m["eval_temperature_ci_low"], m["eval_temperature_ci_high"]
    return TemperatureFit(scorer, dataset, len(result.scored.gap), low, high)


def _trained_on(model: str, given: PreferenceSet, config: EvaluateConfig) -> bool:
    return Path(model).is_dir() and learned_from(Path(model), given, config.data.dataset_split)


def _refuse_training_set(home: Path, given: PreferenceSet, split: str) -> None:
    """Raises ``ConfigError`` where the run that wrote the model says that it was trained on this set."""
    if learned_from(home, given, split):
        raise ConfigError(
            f"--fit_temperature: {home} was made from {given.name}, and a model is surer of what it was trained on. "
            "Fit the temperature to pairs that were held out. What --eval_fraction holds out is no file of its own: "
            "split the set before training, and name the second part there (train --eval_dataset_name) and here."
        )
