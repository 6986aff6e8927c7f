"""``rewardsmith study noise``: does repairing labels help, and which repair, on this set?"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow.parquet as pq

from rewardsmith.artifacts.files.atomic import atomic_path, write_text
from rewardsmith.artifacts.runs.metrics_file import write_metrics
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.artifacts.terminal.progress import progress, say, set_quiet
from rewardsmith.contracts.metrics.study_noise import ForkedArms, StudyAbout, StudyNoiseMetrics
from rewardsmith.engine.training.options import check_options
from rewardsmith.errors import ConfigError
from rewardsmith.models.layers.blocks import num_layers
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.files import weights_fingerprint
from rewardsmith.models.loading.reward_models import load_config, load_tokenizer
from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.report.notebook import ReportedResult
from rewardsmith.report.study.report import render_study_report
from rewardsmith.report.study.tables import print_study
from rewardsmith.strength.ensembles.probe_ensemble import pair_features
from rewardsmith.studies.noise.cells import Cell, CellOptions, cells_of, open_cells
from rewardsmith.studies.noise.findings import StudyResults, findings, resampled_groups
from rewardsmith.studies.noise.methods import ALL, Method, parse_methods, recipe_fingerprints
from rewardsmith.studies.noise.options import ForkedJob, NoiseStudyOptions
from rewardsmith.studies.noise.planting import parse_kinds, parse_rates
from rewardsmith.studies.noise.study_pairs import StudyPairs, check_set, study_pairs
from rewardsmith.studies.noise.trainers import TRAINERS
from rewardsmith.tokens.encoding import ConversationEncoder
from rewardsmith.trials.cell_log import CellLog, fingerprint_of_code
from rewardsmith.trials.cell_processes import run_cells
from rewardsmith.workflows.inputs.refused_rows import refusals_of, set_aside_refused
from rewardsmith.workflows.options.study_noise import StudyNoiseConfig
from rewardsmith.workflows.outputs.output_paths import open_folder
from rewardsmith.workflows.steps.stage_times import StageTimes

CELLS_FILE = "cells.jsonl"
PAIRS_FILE = "pairs.safetensors"
TEXTS_FILE = "pairs.parquet"
MAY_CHANGE = ("kinds", "rates", "num_seeds", "workers")
"""What an interrupted study may be asked for anew: cells do not depend on which others there are."""
NUM_TRUTH_JUDGES = 4


@dataclass(frozen=True, repr=False)
class StudyResult(ReportedResult[StudyNoiseMetrics]):
    """Numbers of a study and the folder that holds them with the report and every cell."""

    def in_short(self) -> str:
        m = self.metrics
        return (
            f"{m['num_pairs']:,} pairs, {len(m['methods'])} methods, {len(m['places'])} places, {len(m['seeds'])} seeds"
        )

    def print(self, console: Any) -> None:
        """The tables for a reader, on a rich console."""
        print_study(self.metrics, console, self.report_path)


def run_study_noise(config: StudyNoiseConfig, dataset: Any = None) -> StudyResult:
    """Runs every cell that is missing, then writes tables and report. ``dataset``: rows in memory, if not named."""
    set_quiet(config.run.quiet)
    study, kinds, rates = config.study, parse_kinds(config.study.kinds), parse_rates(config.study.rates)
    trainer, methods = TRAINERS[study.trainer], chosen_methods(study)
    options = CellOptions(methods, study.test_share, study.num_judges, study.choose_by, trainer.name)
    _check(config)
    if trainer.trains_models:
        _check_fork(config)
    times = StageTimes()
    with times.stage("reading"):
        name = dataset if dataset is not None else config.data.dataset_name
        given = load_preferences(name, config.data, config.run.seed)
        given = set_aside_refused(given, refusals_of(config.model), config.data)
    work = {"code of rewardsmith": fingerprint_of_code(trainer.packages), **recipe_fingerprints(methods)}
    if trainer.trains_models:
        work |= _model(config.model)
    folder = open_folder("study noise", config, given, work, MAY_CHANGE)
    seeds = range(config.run.seed, config.run.seed + study.num_seeds)
    with folder.abandoned_on_input_error():  # ends before there are cells: these are never thrown away
        check_set(given.table, kinds, study, seeds)
        trainer.check(given.table, config.model, config.forked, study, seeds)
        pairs = _pairs(folder, given, config, times)
    if trainer.trains_models:
        options = replace(options, forked=_forked_job(folder, given, config))
    cells = cells_of(kinds, rates, seeds)
    log = CellLog(folder.path / CELLS_FILE, Cell)
    with times.stage("cells"):
        _run(folder, log, cells, options, study.workers)
    log.close(cells)
    with times.stage("statistics"):
        tested = resampled_groups(pairs, study.test_share, seeds)
        found = findings(StudyResults.of(log.results(cells), tested, seeds, methods))
    metrics: StudyNoiseMetrics = {**_about(config, given), **found, "timings": times.rounded()}
    write_text(folder.path / "report.html", render_study_report(metrics))
    for file in (PAIRS_FILE, TEXTS_FILE):
        (folder.path / file).unlink(missing_ok=True)
    write_metrics(folder.path, metrics, StudyNoiseMetrics)
    folder.finish()
    return StudyResult(str(folder.path), metrics)


def chosen_methods(study: NoiseStudyOptions) -> tuple[Method, ...]:
    """Those that take part. What `all` leaves out is said."""
    chosen = parse_methods(study.methods, study.trainer)
    left_out = sorted(set(ALL) - {method.name for method in chosen})
    if study.methods.strip() == "all" and left_out:
        say(f"--methods all: {', '.join(left_out)} are not for --trainer {study.trainer} and are left out.")
    return chosen


def _pairs(folder: RunFolder, given: PreferenceSet, config: StudyNoiseConfig, times: StageTimes) -> StudyPairs:
    """All that cells read; an interrupted study has it already."""
    file = folder.path / PAIRS_FILE
    if folder.resumed and file.exists():
        return StudyPairs.load(file)
    with times.stage("features"):
        features = pair_features(given.table, config.model, config.study.feature_dtype)
    with times.stage("judging"), progress("Judging the clean labels (repeats)", NUM_TRUTH_JUDGES) as bar:
        pairs = study_pairs(given.table, features.designs, config.study, config.run.seed, bar.advance)
    pairs.save(file)
    return pairs


def _model(model: ModelOptions) -> dict[str, str]:
    """Fingerprints of the model that arms begin with, and of what turns conversations into its tokens."""
    source = resolve_model(model.model_name_or_path, model.model_revision)
    encoder = ConversationEncoder(load_tokenizer(source), model.max_length, model.truncation_side)
    return {"model": weights_fingerprint(source), "tokens": encoder.fingerprint}


def _check_fork(config: StudyNoiseConfig) -> None:
    model, layer = config.model, config.forked.fork_layer
    number = _num_blocks(model)
    if layer is not None and not 0 <= layer < number:
        name = model.model_name_or_path
        raise ConfigError(f"--fork_layer {layer}: {name} has {number} blocks; use 0 to {number - 1}.")


def _num_blocks(model: ModelOptions) -> int:
    return num_layers(load_config(resolve_model(model.model_name_or_path, model.model_revision)))


def _forked_job(folder: RunFolder, given: PreferenceSet, config: StudyNoiseConfig) -> ForkedJob:
    """What processes need to train language models; the texts are written for them."""
    file = folder.path / TEXTS_FILE
    with atomic_path(file) as temporary:
        pq.write_table(given.table, temporary)
    return ForkedJob(str(file), config.model, config.forked)


def _run(folder: RunFolder, log: CellLog[Cell], cells: list[Cell], options: CellOptions, num_workers: int) -> None:
    missing = log.missing(cells)
    with progress("Cells", len(cells)) as bar:
        if num_done := len(cells) - len(missing):
            say(f"{num_done} of {len(cells)} cells are there already.")
            bar.advance(num_done)
        given = {"pairs_file": str(folder.path / PAIRS_FILE), "options": asdict(options)}
        for result in run_cells(missing, open_cells, given, folder.path, num_workers):
            log.add(result)
            bar.advance(1)


def _about(config: StudyNoiseConfig, given: PreferenceSet) -> StudyAbout:
    return {
        "dataset_name": given.name,
        "title": f"Noise study on {given.name}",
        "model": config.model.model_name_or_path,
        "num_pairs": len(given.table),
        "num_quarantined": len(given.quarantine),
        "trainer": config.study.trainer,
        "forked": _arms(config) if TRAINERS[config.study.trainer].trains_models else None,
        "fold_by": config.study.fold_by,
        "audit_fold_by": config.study.audit_fold_by,
        "num_judges": config.study.num_judges,
        "choose_by": config.study.choose_by,
        "test_share": config.study.test_share,
    }


def _arms(config: StudyNoiseConfig) -> ForkedArms:
    arms = config.forked
    return {
        "num_train_epochs": arms.num_train_epochs,
        "learning_rate": arms.learning_rate,
        "per_device_train_batch_size": arms.per_device_train_batch_size,
        "fork_layer": arms.layer(_num_blocks(config.model)),
        "lora_r": arms.lora_r,
    }


def _check(config: StudyNoiseConfig) -> None:
    options, forked = config.study, config.forked
    for flag, value, least in (
        ("num_seeds", options.num_seeds, 1),
        ("num_judges", options.num_judges, 2),
        ("workers", options.workers, 1),
        ("num_train_epochs", forked.num_train_epochs, 1),
        ("per_device_train_batch_size", forked.per_device_train_batch_size, 1),
        ("lora_r", forked.lora_r, 1),
    ):
        if value < least:
            raise ConfigError(f"--{flag} {value} must be at least {least}.")
    check_options(forked.training)
    if not 0 < options.test_share < 1:
        raise ConfigError(f"--test_share {options.test_share:g} must lie between 0 and 1.")
