"""``rewardsmith refine``: from an audit to a set whose supervision is repaired by stated rules."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.artifacts.config.flat_config import build_config, changed_options, flatten
from rewardsmith.artifacts.files.atomic import write_jsonl, write_table, write_text
from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.artifacts.runs.metrics_file import write_metrics
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.artifacts.terminal.progress import say, set_quiet
from rewardsmith.contracts.metrics.parts import NextStep
from rewardsmith.contracts.metrics.refine import NoiseRange, RefineMetrics, RoundNumbers
from rewardsmith.contracts.tables import SCHEMA_VERSION
from rewardsmith.errors import ConfigError
from rewardsmith.preferences.exports.outgoing import Outgoing, outgoing
from rewardsmith.preferences.exports.trl import TRL
from rewardsmith.preferences.pairs.preference_set import KEPT_AS_TEXT
from rewardsmith.refining.choice import Choice, choose_recipe, claim_warnings
from rewardsmith.refining.decisions_file import DECISIONS_FILE, decisions_path, read_decisions
from rewardsmith.refining.effects import audited_numbers, counted_twice, effects
from rewardsmith.refining.evidence import Evidence, Names, Reads
from rewardsmith.refining.ledger import build_ledger
from rewardsmith.refining.recipe import Recipe, Refined, apply_recipe, load_recipe
from rewardsmith.refining.rules.decisions import Decisions
from rewardsmith.refining.supervision import Supervision
from rewardsmith.report.commands import LANGUAGE_MODEL, command_words
from rewardsmith.report.notebook import ReportedResult
from rewardsmith.report.refine.report import render_refine_report
from rewardsmith.report.refine.terminal import print_refined
from rewardsmith.workflows.inputs.audit_folder import AuditFolder, read_audit, refuse_another_version
from rewardsmith.workflows.options.audit import AuditConfig
from rewardsmith.workflows.options.refine import RefineConfig
from rewardsmith.workflows.outputs.output_paths import QUARANTINE, default_output, refuse_inputs

LEDGER_FILE, TRAIN_FILE, RECIPE_FILE = "ledger.parquet", "train.jsonl", "recipe.yaml"
MAX_NAMED = 200  # categories and annotators listed by name; a long tail stays in the ledger


@dataclass(frozen=True, repr=False)
class RefineResult(ReportedResult[RefineMetrics]):
    """What was decided of every pair, and the folder that holds it."""

    ledger: pa.Table
    """One row a pair, schema ``contracts.tables.LEDGER``."""

    def in_short(self) -> str:
        found = self.metrics["pairs"]
        return f"{found['num_pairs']:,} pairs, {self.metrics['recipe']['name']}, {found['num_changed']:,} changed"

    def print(self, console: Any) -> None:
        print_refined(self.metrics, console, self.report_path)


def run_refine(config: RefineConfig) -> RefineResult:
    """Applies a recipe to an audited set and writes the folder."""
    set_quiet(config.run.quiet)
    options = config.refine
    if options.rounds < 1:
        raise ConfigError(f"--rounds {options.rounds} must be at least 1.")
    audit = read_audit(options.audit_dir)
    refuse_another_version(audit, "--audit_dir")
    choice = choose_recipe(options.recipe, audit.strengths, audit.metrics["claim"])
    recipe = load_recipe(choice.name_or_path)
    if choice.why is None:
        choice = replace(choice, warnings=claim_warnings(recipe, audit.metrics["claim"]))
    for warning in choice.warnings:
        say(warning)
    inputs = dict(audit.fingerprints)
    decisions = None
    if options.decisions is not None:
        path = decisions_path(options.decisions)
        decisions, inputs[str(path)] = read_decisions(path, audit.pairs)
        if not any(Reads.PERSON in rule.reads for rule in recipe.rules):
            recipe = replace(recipe, rules=(*recipe.rules, Decisions()))
    inputs["recipe"] = recipe.fingerprint
    output = config.run.output_dir or default_output("refine", audit.metrics["dataset_name"])
    refuse_inputs("--output_dir", output, [audit.path])
    folder = RunFolder.open(output, "refine", flatten(config), inputs, config.run.overwrite, config.run.seed)
    with folder.abandoned_on_input_error():
        return _written(folder, audit, _refined(folder, audit, recipe, decisions, options.rounds), config, choice)


@dataclass(frozen=True)
class _Outcome:
    """What the recipe made of a set, and what it went by."""

    given: Supervision
    evidence: Evidence
    refined: Refined
    strengths: pa.Table
    label_noise: NoiseRange | None
    rounds: list[RoundNumbers] | None


def _refined(
    folder: RunFolder, audit: AuditFolder, recipe: Recipe, decisions: Names | None, num_rounds: int
) -> _Outcome:
    """Applies the recipe, in rounds if asked for. The engine is loaded only where features or rounds need it."""
    given, rows = Supervision.of(audit.pairs), None
    if Reads.FEATURES in recipe.reads:
        rows = rule_features(audit)
    if num_rounds > 1:
        from rewardsmith.refining.rounds import round_metrics
        from rewardsmith.workflows.steps.refine_rounds import run_rounds

        found = run_rounds(audit, recipe, given, num_rounds, folder.path / "rounds", decisions, rows)
        last = found.rounds[-1]
        by_round = round_metrics(given, found.rounds)
        return _Outcome(given, last.evidence, last.refined, found.strengths, found.label_noise, by_round)
    evidence = Evidence.from_tables(audit.pairs, audit.strengths, decisions, rows)
    refined = apply_recipe(recipe, evidence, given)
    return _Outcome(given, evidence, refined, audit.strengths, audit.metrics["label_noise"], None)


def rule_features(audit: AuditFolder) -> NDArray[np.float32]:
    """Differences of features, chosen minus rejected [N, E]: the broadest set that the audit's model offers.

    The cache has them already where the audit's ensemble was `probe` on this machine.
    """
    from rewardsmith.strength.ensembles.probe_ensemble import pair_features

    config = build_config(AuditConfig, audit.config, f"{audit.path}: ")
    designs = pair_features(audit.pairs, config.model, config.strength.feature_dtype).designs
    broad = next(design for design in reversed(designs) if design.candidate.name == "broad")
    return broad.rows.numpy()


def _written(
    folder: RunFolder, audit: AuditFolder, outcome: _Outcome, config: RefineConfig, choice: Choice
) -> RefineResult:
    refined = outcome.refined
    ledger = build_ledger(audit.pairs, outcome.strengths, outcome.given, refined)
    leaving = outgoing(ledger, TRL)
    metrics = _metrics(folder, audit, outcome, leaving, config, choice)
    write_table(folder.path / LEDGER_FILE, ledger)
    TRL.write(leaving.pairs, folder.path / TRAIN_FILE, metrics["dataset_name"])
    write_text(folder.path / RECIPE_FILE, refined.recipe.to_yaml())
    write_jsonl(folder.path / QUARANTINE, audit.quarantine)
    fingerprint = fingerprint_file(folder.path / LEDGER_FILE)
    page = render_refine_report(metrics, ledger, config.report, outcome.evidence.decision, fingerprint)
    write_text(folder.path / "report.html", page)
    write_metrics(folder.path, metrics, RefineMetrics)
    folder.finish()
    return RefineResult(str(folder.path), metrics, ledger)


def _metrics(
    folder: RunFolder,
    audit: AuditFolder,
    outcome: _Outcome,
    leaving: Outgoing,
    config: RefineConfig,
    choice: Choice,
) -> RefineMetrics:
    recipe, data, noise = outcome.refined.recipe, audit.metrics["data"], outcome.label_noise
    found = effects(outcome.evidence, outcome.given, outcome.refined, MAX_NAMED)
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset_name": audit.metrics["dataset_name"],
        "title": f"Refined: {audit.metrics['dataset_name']}",
        "recipe": {
            "name": recipe.name,
            "description": recipe.description,
            "fingerprint": recipe.fingerprint,
            "why": choice.why,
        },
        "data": {
            "num_rows_read": data["num_rows_read"],
            "num_rows_available": data["num_rows_available"],
            "num_quarantined": data["num_quarantined"],
            "format": data["format"],
            "num_kept_as_text": sum(found["count"] for found in data["findings"] if found["check"] == KEPT_AS_TEXT),
        },
        **found,
        "audited": audited_numbers(
            outcome.evidence, outcome.given, outcome.refined, audit.metrics["claim"]["level"], choice.warnings
        ),
        "num_counted_twice": counted_twice(outcome.given, outcome.refined),
        "rounds": outcome.rounds,
        "label_noise": noise and {"low": noise["low"], "high": noise["high"], "identifiable": noise["identifiable"]},
        "train_file": {
            "num_rows": leaving.pairs.num_rows,
            "num_swapped": leaving.num_swapped,
            "left_out": {reason: number for reason, number in leaving.left_out.items() if number},
            "not_expressed": {column: number for column, number in leaving.not_expressed.items() if number},
        },
        "next_steps": _next_steps(folder.path, config, found["pairs"]["num_changed"]),
    }


def _next_steps(path: Path, config: RefineConfig, num_changed: int) -> list[NextStep]:
    folder = shlex.quote(str(path))
    anew = {**changed_options(config.refine), "decisions": DECISIONS_FILE, "output_dir": f"{path}-decided"}
    take_back: NextStep = {
        "text": "Take single changes back, or decide otherwise: the table in report.html gives "
        f"{DECISIONS_FILE}, with the decisions that were followed here.",
        "command": " ".join(("rewardsmith refine", *command_words(anew))),
    }
    return [
        {
            "text": "Train on every pair as it is weighted now.",
            "command": f"rewardsmith train {folder} --model_name_or_path {LANGUAGE_MODEL} --output_dir rm",
        },
        {
            "text": "Measure on pairs that no recipe has touched: repaired labels flatter whoever agrees "
            "with the judges.",
            "command": "rewardsmith evaluate heldout.jsonl --reward_model_path rm",
        },
        *([take_back] if num_changed and config.report.report_pairs > 0 else []),
        {
            "text": "Get every row of the input back, as it was.",
            "command": f"rewardsmith undo --refined_dir {folder} --output_file back.jsonl",
        },
    ]
