"""The pairs that refining changed as a table: what, why, and each change to be taken back by a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from rewardsmith.contracts.metrics.audit import ClaimLevel
from rewardsmith.refining.evidence import Names
from rewardsmith.refining.supervision import Supervision
from rewardsmith.report.binning import numbers_of
from rewardsmith.report.galleries import joined
from rewardsmith.report.options import ReportOptions
from rewardsmith.report.pair_table import COLUMNS, Column, PairTable, changes, pair_row, pair_table
from rewardsmith.report.pair_texts import pair_texts
from rewardsmith.report.refine.examples import supervision_words

_CHANGE = Column("change", "changed", "text", "what became of the pair")
_NUMBERS = {"p_wrong": "p_wrong", "strength": "strength_mean", "spread": "strength_std"}
_TEXTS = ("prompt", "chosen", "rejected")


def changed_table(
    ledger: pa.Table, decisions: Names | None, level: ClaimLevel, options: ReportOptions, key: str | None
) -> PairTable | None:
    """Pairs that changed and pairs that a person decided, the most doubtful first. None without one."""
    names = decisions or [None] * len(ledger)
    change = changes(_given(ledger), Supervision.of(ledger))
    p_wrong = numbers_of(ledger, "p_wrong")
    order = np.argsort(-np.where(np.isfinite(p_wrong), p_wrong, -1.0), kind="stable")
    found = [int(at) for at in order if change[at] or names[at]]
    shown = found[: max(0, options.report_pairs)]
    if not shown:
        return None
    with_text = options.report_text == "full"
    columns = {name: numbers_of(ledger, column) for name, column in _NUMBERS.items()}
    if level == "cannot_tell":
        del columns["p_wrong"]
    read = ["row", "pair_id", "strength_class", "reason", *(("category", "annotator_id", *_TEXTS) if with_text else ())]
    rows = [
        _row(row, {name: values[at] for name, values in columns.items()}, change[at], _why(ledger, at, row["reason"]))
        for at, row in zip(shown, ledger.select(read).take(pa.array(shown)).to_pylist(), strict=True)
    ]
    decided = {pair: name for pair, name in zip(ledger["pair_id"].to_pylist(), names, strict=True) if name}
    return pair_table(rows, [*COLUMNS, _CHANGE], len(found) - len(shown), key, options.report_examples, decided)


def _given(ledger: pa.Table) -> Supervision:
    target, margin, weight = (numbers_of(ledger, f"{name}_given") for name in ("target", "margin", "weight"))
    return Supervision(target, margin, weight, np.zeros(len(ledger), dtype=bool))


def _row(row: Mapping[str, Any], numbers: Mapping[str, float], change: str, why: str) -> dict[str, Any]:
    texts = pair_texts(row["prompt"] or [], joined(row["chosen"]), joined(row["rejected"])) if "chosen" in row else {}
    names = {"class": row["strength_class"], "category": row.get("category"), "annotator": row.get("annotator_id")}
    return pair_row(row["row"], row["pair_id"], numbers, texts, names, change, why)


def _why(ledger: pa.Table, at: int, reason: str | None) -> str:
    before, after = (supervision_words(ledger, at, suffix) for suffix in ("_given", ""))
    return f"{before} \N{RIGHTWARDS ARROW} {after}. {reason or ''}".strip()
