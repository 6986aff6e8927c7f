"""``rewardsmith audit``: from a preference set to a verdict on its labels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.artifacts.atomic import write_jsonl, write_table, write_text
from rewardsmith.artifacts.flat_config import flatten
from rewardsmith.artifacts.progress import progress, say, set_quiet
from rewardsmith.artifacts.run_folder import RunFolder
from rewardsmith.errors import ConfigError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.preference_set import PreferenceSet
from rewardsmith.report.audit_report import render_audit_report
from rewardsmith.report.notebook import inline_report
from rewardsmith.report.terminal import print_verdict
from rewardsmith.strength.audited import Audited, audit_pairs
from rewardsmith.strength.crossfit import fold_groups
from rewardsmith.strength.given import given_judgements
from rewardsmith.strength.judgements import Judgements
from rewardsmith.strength.pair_features import PairFeatures, pair_features
from rewardsmith.strength.planting import Kind
from rewardsmith.strength.probe import check_enough, probe_judgements
from rewardsmith.strength.rivals import Rival, rival_finders
from rewardsmith.strength.self_audit import Pairs, can_plant, merge_repeats, planted_findings
from rewardsmith.workflows.audit_metrics import audit_metrics
from rewardsmith.workflows.default_output import default_output
from rewardsmith.workflows.options import AuditConfig

if TYPE_CHECKING:
    import pandas as pd

KINDS: tuple[Kind, ...] = ("uniform", "hard")
GIVEN_LIMITS = " The given scores were not refitted on the planted labels, which makes the finds optimistic."

Targets = NDArray[np.float32]


@dataclass(frozen=True)
class AuditResult:
    """Everything an audit found: numbers, tables, and the folder that holds them with the report."""

    path: str
    metrics: dict[str, Any]
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

    @property
    def report_path(self) -> str:
        """The HTML report."""
        return f"{self.path}/report.html"

    def summary(self) -> dict[str, Any]:
        """The result in one JSON document."""
        return {"path": self.path, "report": self.report_path, **self.metrics}

    def print(self, console: Any) -> None:
        """The verdict for a reader, on a rich console."""
        print_verdict(self.metrics, console, self.report_path)

    def _repr_html_(self) -> str:
        return inline_report(Path(self.report_path).read_text(encoding="utf-8"))


def run_audit(config: AuditConfig, dataset: Any = None) -> AuditResult:
    """Audits a set and writes its folder. ``dataset``: rows in memory, if the configuration names none."""
    set_quiet(config.run.quiet)
    _check(config)
    timings: dict[str, float] = {}
    with _timed(timings, "reading"):
        name = dataset if dataset is not None else config.data.dataset_name
        given = load_preferences(name, config.data, config.run.seed)
    if given.quarantine:
        say(f"{len(given.quarantine):,} of {given.num_rows_read:,} rows cannot be used: see quarantine.jsonl.")
    if config.strength.ensemble == "probe":
        check_enough(len(given.table), fold_groups(given.table, config.strength.fold_by), config.strength.num_folds)
    folder = RunFolder.open(
        config.run.output_dir or default_output("audit", given.name),
        "audit",
        flatten(config),
        dict(given.sources),
        config.run.overwrite,
        config.run.seed,
    )
    with folder.abandoned_on_input_error():
        return _audited(folder, given, config, timings)


def _audited(folder: RunFolder, given: PreferenceSet, config: AuditConfig, timings: dict[str, float]) -> AuditResult:
    write_jsonl(folder.path / "quarantine.jsonl", (asdict(row) for row in given.quarantine))
    judging = _Judging(given.table, config, timings)
    judged = judging.judge(given.table["target"].to_numpy(), config.run.seed, "Judging")
    with _timed(timings, "statistics"):
        audited = audit_pairs(given.table, judged, judging.groups, config.run.seed)
    planted = judging.self_audit(audited)
    with _timed(timings, "statistics"):
        metrics = audit_metrics(config, given, audited, planted, judging.truncated_share, str(folder.path))
    metrics["timings"] = _rounded(timings)
    with _timed(timings, "report"):
        report = render_audit_report(metrics, given.table, audited.table, config.report)
    write_table(folder.path / "pairs.parquet", given.table)
    write_table(folder.path / "strengths.parquet", audited.table)
    write_text(folder.path / "report.html", report)
    metrics["timings"] = _rounded(timings)
    folder.finish(metrics)
    return AuditResult(str(folder.path), metrics, given.table, audited.table)


class _Judging:
    """The ensemble on one set: fits it to the labels as given, and to labels with planted flips."""

    def __init__(self, pairs: pa.Table, config: AuditConfig, timings: dict[str, float]) -> None:
        self.pairs, self.config, self.timings = pairs, config, timings
        self.groups = fold_groups(pairs, config.strength.fold_by)
        self.features: PairFeatures | None = None
        if config.strength.ensemble == "probe":
            with _timed(timings, "features"):
                self.features = pair_features(pairs, config.model, config.strength.feature_dtype)

    @property
    def truncated_share(self) -> float | None:
        """Share of pairs of which truncation took something; None where no model read them."""
        return self.features.truncated_share if self.features else None

    def judge(self, target: Targets, seed: int, description: str) -> Judgements:
        """Gaps of the ensemble fitted to these targets; given scores do not depend on them."""
        with _timed(self.timings, "judging"):
            if self.features is None:
                return given_judgements(self.pairs, self.config.strength)
            with progress(f"{description} (repeats)", self.config.strength.num_judges) as bar:
                return probe_judgements(
                    self.features.designs, target, self.groups, self.config.strength, seed, bar.advance
                )

    def self_audit(self, audited: Audited) -> list[dict[str, Any]]:
        """What is found of planted flips, one entry a kind; empty where switched off or nothing can be measured."""
        options, seed = self.config.self_audit, self.config.run.seed
        pairs = Pairs(self.pairs["target"].to_numpy(), self.groups, audited.belief)
        if options.planted_rate == 0 or audited.noise is None:
            return []
        if not can_plant(pairs, options.planted_rate):
            say(f"No flips were planted: --planted_rate {options.planted_rate} of these pairs is too few to measure.")
            return []
        if self.features is None and audited.in_sample:
            say("No flips were planted: given scores of members that trained on the pairs already know their labels.")
            return []
        judge = self._judge_planted if self.features else lambda target, at: audited.judged
        rivals = self._rivals if self.features and options.baselines else None
        found = []
        for kind in KINDS:
            repeats = [
                planted_findings(kind, pairs, judge, rivals, audited.noise, options.planted_rate, seed + 1 + repeat)
                for repeat in range(options.planted_repeats)
            ]
            found.append(merge_repeats(repeats))
            if self.features is None:
                found[-1]["limits"] += GIVEN_LIMITS
        return found

    def _judge_planted(self, target: Targets, seed: int) -> Judgements:
        return self.judge(target, seed, "Judging with planted flips")

    def _rivals(self, target: Targets, seed: int) -> list[Rival]:
        assert self.features is not None
        with _timed(self.timings, "rivals"):
            return rival_finders(self.features.designs, target, self.groups, self.config.strength, seed)


def _check(config: AuditConfig) -> None:
    if config.run.seed < 0:
        raise ConfigError(f"--seed {config.run.seed} must be 0 or more.")
    if not 0 <= config.self_audit.planted_rate < 0.5:
        raise ConfigError(f"--planted_rate {config.self_audit.planted_rate} must be at least 0 and under 0.5.")
    for flag, value, least in (
        ("num_judges", config.strength.num_judges, 2),
        ("num_folds", config.strength.num_folds, 3),
        ("planted_repeats", config.self_audit.planted_repeats, 1),
    ):
        if value < least:
            raise ConfigError(f"--{flag} {value} must be at least {least}.")


def _rounded(timings: dict[str, float]) -> dict[str, float]:
    return {stage: round(seconds, 2) for stage, seconds in timings.items()}


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    timings[stage] = timings.get(stage, 0.0) + time.monotonic() - start
