"""``refine --rounds N``: the audit's own ensemble, fitted again to labels as the recipe left them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.artifacts.config.flat_config import build_config
from rewardsmith.artifacts.files.atomic import write_table
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.metrics.refine import NoiseRange
from rewardsmith.errors import ConfigError
from rewardsmith.refining.evidence import Evidence, Names
from rewardsmith.refining.recipe import Recipe
from rewardsmith.refining.rounds import (
    Round,
    refine_in_rounds,
    require_judges_that_learn,
)
from rewardsmith.refining.supervision import Supervision
from rewardsmith.strength.audited import audit_pairs
from rewardsmith.strength.ensembles.crossfit import fold_groups, independent_groups
from rewardsmith.strength.ensembles.judgements import Judgements, learnable
from rewardsmith.strength.label_noise.posterior import LabelNoise
from rewardsmith.workflows.inputs.audit_folder import PAIRS, AuditFolder
from rewardsmith.workflows.options.audit import AuditConfig
from rewardsmith.workflows.steps.audit_ensembles import audit_ensemble


@dataclass(frozen=True)
class Rounds:
    """What the rounds came to."""

    rounds: list[Round]
    strengths: pa.Table
    """The strengths table of the last one."""
    label_noise: NoiseRange | None
    """The share of wrong labels by the last one."""


def run_rounds(
    audit: AuditFolder,
    recipe: Recipe,
    given: Supervision,
    max_rounds: int,
    work_dir: Path,
    decisions: Names | None = None,
    rows: NDArray[np.floating] | None = None,
) -> Rounds:
    """Refines in rounds (``refining/rounds.py``). The first one takes what the audit found; later ones refit.

    What planted flips refuted of the judges' evidence stays refuted, and second labels have their say again. What the
    structured audit found stays: it has two rounds of its own in it.
    ``work_dir`` is for language models on their way, so that an interrupted run goes on; it is removed at the end.
    ``ConfigError`` where the ensemble learns nothing from labels, where who judges a pair has learned its label, and
    where the recipe does not ask judges.
    """
    config = build_config(AuditConfig, audit.config, f"{audit.path}: ")
    _check(config, recipe, max_rounds)
    groups = fold_groups(audit.pairs, config.strength.fold_by)
    kept = found.get("kept", 1.0) if (found := audit.metrics["label_noise"]) else 1.0  # older audits lack it
    second = _second_target(audit.strengths)
    tables: list[pa.Table] = []
    noise: list[NoiseRange | None] = []

    def examine(judged: Judgements) -> Evidence:
        if judged is first:  # also in a later round that begins with the labels as given
            tables.append(audit.strengths)
            noise.append(audit.metrics["label_noise"])
        else:
            together = independent_groups(audit.pairs, config.strength.fold_by)
            audited = audit_pairs(audit.pairs, judged, together, config.run.seed).keeping(kept)
            audited = audited.beside(second, together).at(audit.metrics["claim"]["level"])
            tables.append(with_structured(audited.table, audit.strengths))
            noise.append(_range(audited.noise))
        return Evidence.from_tables(audit.pairs, tables[-1], decisions, rows)

    def judge(target: NDArray[np.float32]) -> Judgements:
        if np.array_equal(target, learnable(given.target, given.weight)):
            return first
        say("Judging again, by the labels as they are refined now.")
        return ensemble.judge(target, config.run.seed, labels="refined")

    first = saved_judgements(audit.strengths)
    write_table(work_dir / PAIRS, audit.pairs)
    ensemble = audit_ensemble(config, audit.pairs, groups, work_dir)
    rounds = refine_in_rounds(judge, examine, recipe, given, max_rounds)
    shutil.rmtree(work_dir)
    return Rounds(rounds, tables[-1], noise[-1])


def saved_judgements(strengths: pa.Table) -> Judgements:
    """What an audit's members said."""
    num_members = sum(name.startswith("gap_") for name in strengths.column_names)
    gaps = [strengths[f"gap_{m}"].cast(pa.float32()).to_numpy() for m in range(num_members)]
    trained = [strengths[f"trained_{m}"].to_numpy() for m in range(num_members)]
    return Judgements(np.stack(gaps, axis=1), np.stack(trained, axis=1).astype(bool), ("",) * num_members)


def _second_target(strengths: pa.Table) -> NDArray[np.float64] | None:
    """What second labels say of the pairs [N], NaN: nothing; None without any."""
    if "second_target" not in strengths.column_names:  # of an older audit
        return None
    found = strengths["second_target"]
    return None if found.null_count == len(found) else found.cast(pa.float64()).to_numpy()


def _check(config: AuditConfig, recipe: Recipe, max_rounds: int) -> None:
    if not config.strength.kind.refits:
        raise ConfigError(f"--rounds {max_rounds}: given scores do not change when labels do, so one round is all.")
    if config.strength.crossfit == "none":
        raise ConfigError(
            f"--rounds {max_rounds}: every member of the audit trained on the pairs that it judges (--crossfit none), "
            "and would confirm what the round before did. Audit with --crossfit groups, or take one round."
        )
    require_judges_that_learn(recipe, max_rounds)


def _range(noise: LabelNoise | None) -> NoiseRange | None:
    if noise is None:
        return None
    return {"low": noise.low, "high": noise.high, "identifiable": noise.identifiable}


def with_structured(strengths: pa.Table, audited: pa.Table) -> pa.Table:
    """The strengths with ``p_wrong_structured`` of an audit, if it is new enough to have it."""
    name = "p_wrong_structured"
    if name not in audited.column_names:
        return strengths
    return strengths.set_column(strengths.column_names.index(name), name, audited[name])
