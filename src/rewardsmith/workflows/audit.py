"""``rewardsmith audit``: from a preference set to a verdict on its labels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.artifacts.atomic import write_jsonl, write_table, write_text
from rewardsmith.artifacts.flat_config import flatten
from rewardsmith.artifacts.progress import say, set_quiet
from rewardsmith.artifacts.run_folder import RunFolder
from rewardsmith.engine.training.options import check_options, check_saving
from rewardsmith.errors import ConfigError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.preference_set import PreferenceSet
from rewardsmith.refining.rounds import learnable
from rewardsmith.refining.supervision import Supervision
from rewardsmith.report.audit_report import render_audit_report
from rewardsmith.report.notebook import ReportedResult
from rewardsmith.report.terminal import print_verdict
from rewardsmith.strength.audited import Audited, audit_pairs
from rewardsmith.strength.crossfit import fold_groups
from rewardsmith.strength.judgements import Judgements
from rewardsmith.strength.planting import PLANTED
from rewardsmith.strength.rivals import Rival, structured_finder
from rewardsmith.strength.self_audit import Pairs, can_plant, merge_repeats, planted_findings
from rewardsmith.workflows.audit_ensembles import PAIRS_FILE, Ensemble, check_set, make_ensemble
from rewardsmith.workflows.audit_metrics import audit_metrics
from rewardsmith.workflows.options import AuditConfig
from rewardsmith.workflows.origins import learned_from
from rewardsmith.workflows.output_paths import default_output
from rewardsmith.workflows.stage_times import StageTimes

if TYPE_CHECKING:
    import pandas as pd

GIVEN_LIMITS = " The given scores were not refitted on the planted labels, which makes the finds optimistic."

Targets = NDArray[np.float32]


@dataclass(frozen=True)
class AuditResult(ReportedResult):
    """Everything an audit found: numbers, tables, and the folder that holds them with the report."""

    pairs: pa.Table
    strengths_table: pa.Table

    @property
    def verdict(self) -> str:
        """The result in one paragraph."""
        return str(self.metrics["verdict"])

    @property
    def strengths(self) -> pd.DataFrame:
        """One row a pair: strength, spread, p_wrong, class (see ``contracts.tables``)."""
        return self.strengths_table.to_pandas()

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
    if given.quarantine:
        say(f"{len(given.quarantine):,} of {given.num_rows_read:,} rows cannot be used: see quarantine.jsonl.")
    check_set(given.table, config)
    _warn_of_trained_model(given, config)
    folder = RunFolder.open(
        config.run.output_dir or default_output("audit", given.name),
        "audit",
        flatten(config),
        dict(given.sources),
        config.run.overwrite,
        config.run.seed,
    )
    with folder.abandoned_on_input_error():
        return _audited(folder, given, config, times)


def _warn_of_trained_model(given: PreferenceSet, config: AuditConfig) -> None:
    model = config.model.model_name_or_path
    if config.strength.ensemble != "given" and learned_from(Path(model), given, config.data.dataset_split):
        say(
            f"{model} was trained on {given.name}: it knows the labels that are judged here, and wrong ones look right "
            "to every judge made of it. Name the model that it was trained from."
        )


def _audited(folder: RunFolder, given: PreferenceSet, config: AuditConfig, times: StageTimes) -> AuditResult:
    write_jsonl(folder.path / "quarantine.jsonl", (asdict(row) for row in given.quarantine))
    write_table(folder.path / PAIRS_FILE, given.table)
    target = learnable(Supervision.of(given.table))  # a dropped pair teaches nobody
    groups = fold_groups(given.table, config.strength.fold_by)
    ensemble = make_ensemble(given.table, groups, config, folder.path, times)
    judged = ensemble.judge(target, config.run.seed)
    structured = ensemble.structured(target, config.run.seed)
    with times.stage("statistics"):
        audited = audit_pairs(given.table, judged, groups, config.run.seed, structured)
    planted = _self_audit(ensemble, Pairs(target, groups, audited.belief), audited, config)
    with times.stage("statistics"):
        metrics = audit_metrics(config, given, audited, planted, ensemble.truncated_share, str(folder.path))
    metrics["timings"] = times.rounded()
    with times.stage("report"):
        report = render_audit_report(metrics, given.table, audited.table, config.report)
    write_table(folder.path / "strengths.parquet", audited.table)
    write_text(folder.path / "report.html", report)
    ensemble.finish()
    metrics["timings"] = times.rounded()
    folder.finish(metrics)
    return AuditResult(str(folder.path), metrics, given.table, audited.table)


def _self_audit(ensemble: Ensemble, pairs: Pairs, audited: Audited, config: AuditConfig) -> list[dict[str, Any]]:
    """What is found of planted flips, one entry a kind; empty where switched off or nothing can be measured."""
    options, seed = config.self_audit, config.run.seed
    rate = options.rate(config.strength.ensemble)
    if rate == 0 or audited.noise is None:
        if options.planted_rate is None and audited.noise is not None:
            say("No flips were planted: that takes two more ensembles. --planted_rate 0.2 asks for them.")
        return []
    if not can_plant(pairs, rate):
        say(f"No flips were planted: --planted_rate {rate} of these pairs is too few to measure.")
        return []
    if not ensemble.refits and audited.in_sample:
        say("No flips were planted: given scores of members that trained on the pairs already know their labels.")
        return []

    def judge(target: Targets, at: int) -> Judgements:
        return ensemble.judge(target, at, labels="planted")

    def others(judged: Judgements, target: Targets, at: int) -> list[Rival]:
        found = ensemble.rivals(judged, target, at) if options.baselines else []
        if audited.structured is None:
            return found
        return [structured_finder(ensemble.structured(target, at, labels="planted"), len(target)), *found]

    found = []
    for kind in PLANTED:
        repeats = [
            planted_findings(kind, pairs, judge, others, audited.noise, rate, seed + 1 + repeat)
            for repeat in range(options.planted_repeats)
        ]
        found.append(merge_repeats(repeats))
        if not ensemble.refits:
            found[-1]["limits"] += GIVEN_LIMITS
    return found


def _check(config: AuditConfig) -> None:
    options, members = config.strength, config.members
    if config.run.seed < 0:
        raise ConfigError(f"--seed {config.run.seed} must be 0 or more.")
    rate = config.self_audit.rate(options.ensemble)
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
    if options.trains_models:
        check_options(members.training(options.ensemble, config.lora.use_peft))
        check_saving(members.checkpoints)
        if options.crossfit == "groups" and options.judges >= members.num_members:
            raise ConfigError(
                f"--num_judges {options.judges}: with --num_members {members.num_members} nobody would be left to "
                "train on a pair. Ask for fewer judges or more members."
            )
    elif members.average_members or members.merge_members:
        flag = "average" if members.average_members else "merge"
        raise ConfigError(f"--{flag}_members: the members of --ensemble {options.ensemble} are no models to {flag}.")
