"""``rewardsmith audit``: from a preference set to a verdict on its labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rewardsmith.artifacts.config.flat_config import changed_options
from rewardsmith.artifacts.files.atomic import write_csv, write_table, write_text
from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.artifacts.runs.metrics_file import write_metrics
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.artifacts.terminal.progress import say, set_quiet
from rewardsmith.contracts.metrics.audit import AuditMetrics
from rewardsmith.contracts.metrics.leanings import FeatureLeaning
from rewardsmith.engine.training.options import check_options, check_saving
from rewardsmith.errors import ConfigError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.preferences.second_labels import SecondLabels
from rewardsmith.report.audit.leanings.file import leaning_file
from rewardsmith.report.audit.pairs.doubtful import COLUMNS, by_doubt, doubtful_rows, doubtful_table, num_doubted
from rewardsmith.report.audit.report import render_audit_report
from rewardsmith.report.audit.words.next_steps import AskedFor
from rewardsmith.report.audit.words.results import with_words
from rewardsmith.report.audit.words.verdict import verdict_text
from rewardsmith.report.binning import numbers_of
from rewardsmith.report.notebook import ReportedResult
from rewardsmith.report.terminal import print_verdict
from rewardsmith.strength.audited import audit_pairs
from rewardsmith.strength.ensembles.crossfit import fold_groups, independent_groups
from rewardsmith.strength.ensembles.ensemble import Ensemble
from rewardsmith.strength.ensembles.judgements import learnable
from rewardsmith.strength.label_noise.claims import claim_numbers
from rewardsmith.strength.leanings.leanings import leaning_numbers, leanings_of
from rewardsmith.strength.leanings.table import leaning_frame
from rewardsmith.strength.numbers.audit_metrics import audit_metrics
from rewardsmith.strength.numbers.stability import stability_numbers
from rewardsmith.strength.planted.planted_copy import Pairs
from rewardsmith.strength.planted.self_audit import self_audit
from rewardsmith.workflows.inputs.audit_folder import DOUBTFUL, LEANINGS, PAIRS, STRENGTHS
from rewardsmith.workflows.inputs.origins import learned_from
from rewardsmith.workflows.inputs.refused_rows import refusals_of, set_aside_refused
from rewardsmith.workflows.inputs.sample_files import write_quarantine
from rewardsmith.workflows.inputs.second_labels import SECOND_QUARANTINE, read_second_labels
from rewardsmith.workflows.options.audit import AuditConfig
from rewardsmith.workflows.outputs.output_paths import QUARANTINE, default_output, open_folder
from rewardsmith.workflows.steps.audit_ensembles import audit_ensemble
from rewardsmith.workflows.steps.stage_times import StageTimes

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class AuditResult(ReportedResult[AuditMetrics]):
    """Everything an audit found: numbers, tables, and the folder that holds them with the report."""

    pairs: pa.Table
    strengths_table: pa.Table
    leaning_rows: list[FeatureLeaning]

    @property
    def verdict(self) -> str:
        """The first line and its points; the rest is in ``metrics["verdict"]``."""
        return verdict_text(self.metrics["verdict"])

    @property
    def strengths(self) -> pd.DataFrame:
        """One row a pair: strength, spread, p_wrong, class (see ``contracts.tables``)."""
        return self.strengths_table.to_pandas()

    @property
    def leanings(self) -> pd.DataFrame:
        """What preferred responses have more of: a row for each feature, in all pairs, by category and by annotator."""
        return leaning_frame(self.leaning_rows)

    def doubtful(self, number: int = 20) -> pd.DataFrame:
        """The most doubtful labels, worst first: row, p_wrong, why, and the texts. Ties have no p_wrong."""
        import pandas as pd

        positions = by_doubt(numbers_of(self.strengths_table, "p_wrong"))[: max(0, number)]
        rows = doubtful_rows(self.pairs, self.strengths_table, self.metrics, positions)
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def in_short(self) -> str:
        level = self.metrics["claim"]["level"]
        found = f", {num_doubted(self.strengths_table):,} doubtful" if level == "labels_judged" else ""
        return f"{len(self.pairs):,} pairs, {level.replace('_', ' ')}{found}"

    def print(self, console: Any) -> None:
        """The verdict for a reader, on a rich console."""
        print_verdict(self.metrics, console, self.report_path)


def run_audit(config: AuditConfig, dataset: Any = None) -> AuditResult:
    """Audits a set and writes its folder. ``dataset``: rows in memory, if the configuration names none."""
    set_quiet(config.run.quiet)
    _check(config)
    times = StageTimes()
    with times.stage("reading"):
        name = dataset if dataset is not None else config.data.dataset_name
        given = load_preferences(name, config.data, config.run.seed)
        if config.strength.kind.refits:
            given = set_aside_refused(given, refusals_of(config.model), config.data)
        second = read_second_labels(config.second_labels, config.data, given)
    path = Path(config.run.output_dir or default_output("audit", given.name))
    groups = fold_groups(given.table, config.strength.fold_by)
    ensemble = audit_ensemble(config, given.table, groups, path, times.stage)
    ensemble.check()  # before anything costly is done
    _warn_of_trained_model(given, config)
    folder = open_folder("audit", config, given, second.sources if second else {})
    with folder.abandoned_on_input_error():
        return _audited(folder, given, second, ensemble, config, times)


def _warn_of_trained_model(given: PreferenceSet, config: AuditConfig) -> None:
    model = config.model.model_name_or_path
    if config.strength.kind.refits and learned_from(Path(model), given, config.data.dataset_split):
        say(
            f"{model} was trained on {given.name}: it knows the labels that are judged here, and wrong ones look right "
            "to every judge made of it. Name the model that it was trained from."
        )


def _audited(
    folder: RunFolder,
    given: PreferenceSet,
    second: SecondLabels | None,
    ensemble: Ensemble,
    config: AuditConfig,
    times: StageTimes,
) -> AuditResult:
    (folder.path / QUARANTINE).touch()  # whoever reads an audit takes it as a whole
    write_table(folder.path / PAIRS, given.table)
    write_quarantine(folder.path / SECOND_QUARANTINE, second)
    options, seed = config.strength, config.run.seed
    target = learnable(given.table["target"].to_numpy(), given.table["weight"].to_numpy())
    judged = ensemble.judge(target, seed)
    structured = ensemble.structured(target, seed)
    groups = independent_groups(given.table, options.fold_by)
    with times.stage("statistics"):
        audited = audit_pairs(given.table, judged, groups, seed, structured)
    known = Pairs(target, groups, audited.belief, audited.responses)
    tested = self_audit(ensemble, options.kind, known, audited, config.self_audit, seed)
    if tested.uniform is not None:
        audited = audited.checked(tested.uniform, groups)
    others = second.target if second else None
    audited = audited.beside(others, groups)
    claim = claim_numbers(audited.noise, tested.findings, audited.in_sample, audited.flagged_at_least)
    audited, stability = audited.at(claim["level"]), None
    if config.self_audit.stability:
        with times.stage("stability"):
            stability = stability_numbers(ensemble, audited, target, groups, seed, others)
    with times.stage("leanings"):
        leanings = leanings_of(given.table, None if audited.in_sample else audited.gap)
    with times.stage("statistics"):
        model, cut = config.model.model_name_or_path, ensemble.truncation
        found = (claim, tested.findings, stability, leaning_numbers(leanings))
        numbers = audit_metrics(given, audited, *found, options, model, cut, seed, second)
        metrics = with_words(numbers, _asked_for(config, str(folder.path)), config.members.save_members)
    metrics["timings"] = times.rounded()
    write_table(folder.path / STRENGTHS, audited.table)
    with_text = config.report.report_text == "full"
    write_csv(folder.path / DOUBTFUL, *doubtful_table(given.table, audited.table, metrics, with_text))
    write_csv(folder.path / LEANINGS, *leaning_file(leanings, with_text))
    with times.stage("report"):
        fingerprint = fingerprint_file(folder.path / STRENGTHS)
        page = render_audit_report(metrics, given.table, audited.table, config.report, fingerprint)
        write_text(folder.path / "report.html", page)
    ensemble.finish()
    metrics["timings"] = times.rounded()
    write_metrics(folder.path, metrics, AuditMetrics)
    folder.finish()
    return AuditResult(str(folder.path), metrics, given.table, audited.table, leanings)


def _asked_for(config: AuditConfig, folder: str) -> AskedFor:
    """What the next commands are to name. Rows in memory stand in the folder as a set of their own."""
    data, options = changed_options(config.data), changed_options(config)
    for name in (*data, *changed_options(replace(config.run, seed=0))):
        options.pop(name, None)
    if not config.data.dataset_name:
        data = {"dataset_name": f"{folder}/{PAIRS}"}
    elif "max_pairs" in data and "seed" in options:  # which draws the sample
        data["seed"] = options.pop("seed")
    return AskedFor(folder, data, options)


def _check(config: AuditConfig) -> None:
    options, members = config.strength, config.members
    if config.run.seed < 0:
        raise ConfigError(f"--seed {config.run.seed} must be 0 or more.")
    rate = config.self_audit.rate(options.kind)
    if not 0 <= rate < 0.5:
        raise ConfigError(f"--planted_rate {rate} must be at least 0 and under 0.5.")
    for flag, value, least in (
        ("num_judges", options.judges, 2),
        ("num_folds", options.num_folds, 3),
        ("planted_repeats", config.self_audit.planted_repeats, 1),
        ("num_members", members.num_members, 2),
        ("parallel_members", members.parallel_members, 1),
    ):
        if value < least:
            raise ConfigError(f"--{flag} {value} must be at least {least}.")
    if options.kind.models:
        check_options(members.training(options.kind.models, config.lora.use_peft))
        check_saving(members.checkpoints)
        if options.crossfit == "groups" and options.judges >= members.num_members:
            raise ConfigError(
                f"--num_judges {options.judges}: with --num_members {members.num_members} nobody would be left to "
                "train on a pair. Ask for fewer judges or more members."
            )
    elif members.average_members or members.merge_members:
        flag = "average" if members.average_members else "merge"
        raise ConfigError(f"--{flag}_members: the members of --ensemble {options.ensemble} are no models to {flag}.")
