"""The doubtful pairs of an audit as a table to decide in, beside what ``refine`` would do by itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.audit import AuditFindings
from rewardsmith.refining.choice import choose_recipe
from rewardsmith.refining.evidence import Evidence
from rewardsmith.refining.options import DEFAULT_RECIPE
from rewardsmith.refining.recipe import apply_recipe, load_recipe
from rewardsmith.refining.supervision import Supervision
from rewardsmith.report.audit.pairs.doubtful import DOUBTED, MIN_ROWS, by_doubt
from rewardsmith.report.audit.pairs.pages import PairPage, pair_pages
from rewardsmith.report.audit.pairs.reasons import reasons
from rewardsmith.report.binning import numbers_of, strength_columns
from rewardsmith.report.numbers import count
from rewardsmith.report.options import ReportOptions
from rewardsmith.report.pair_table import COLUMNS, Column, PairTable, changes, pair_row, pair_table
from rewardsmith.report.pair_texts import pair_texts

_CHANGE = Column("change", "refine", "text", "what refine does without a recipe named")


class DecisionTable(NamedTuple):
    """The table, and what is to be known of its pairs."""

    table: PairTable
    sentence: str


def decision_table(
    pairs: pa.Table, strengths: pa.Table, metrics: AuditFindings, options: ReportOptions, key: str | None
) -> DecisionTable | None:
    """The labels of ``doubtful.csv`` and whatever else ``refine`` would change, the most doubtful first.

    Where nothing can be told, those which the judges would have labelled otherwise. None without a pair.
    """
    recipe, change = default_changes(pairs, strengths, metrics)
    doubt, wrong_above = _doubt(strengths, metrics)
    order = by_doubt(doubt)
    wanted = (doubt > wrong_above) | np.array([word != "" for word in change], dtype=bool)
    wanted[order[:MIN_ROWS]] = True
    found = order[wanted[order]]
    shown = found[: max(0, options.report_pairs)]
    if not len(shown):
        return None
    with_text, tells = options.report_text == "full", metrics["claim"]["level"] != "cannot_tell"
    pages = pair_pages(pairs, strengths, metrics, shown)
    rows = [_row(page, change[at], with_text, tells) for page, at in zip(pages, shown, strict=True)]
    table = pair_table(rows, [*COLUMNS, _CHANGE], len(found) - len(shown), key, options.report_examples)
    return DecisionTable(table, _sentence(recipe, sum(bool(row["change"]) for row in rows)))


def default_changes(pairs: pa.Table, strengths: pa.Table, metrics: AuditFindings) -> tuple[str, list[str]]:
    """The recipe that ``refine`` takes where none is named, and what it does to each pair."""
    recipe = load_recipe(choose_recipe(DEFAULT_RECIPE, strengths, metrics["claim"]).name_or_path)
    if not recipe.rules:
        return recipe.name, [""] * len(pairs)
    given = Supervision.of(pairs)
    refined = apply_recipe(recipe, Evidence.from_tables(pairs, strengths), given)
    return recipe.name, changes(given, refined.supervision)


def _doubt(strengths: pa.Table, metrics: AuditFindings) -> tuple[NDArray[np.float64], float]:
    """How doubtful each label is, and above what it is more likely wrong than right."""
    p_wrong = numbers_of(strengths, "p_wrong")
    if metrics["claim"]["level"] == "cannot_tell" or not np.isfinite(p_wrong).any():
        return -strength_columns(strengths)[0], 0.0
    return p_wrong, DOUBTED


def _row(page: PairPage, change: str, with_text: bool, tells: bool) -> dict[str, object]:
    grounds = page.grounds
    numbers = {"strength": grounds.strength, "spread": grounds.spread}
    if tells:
        numbers |= {"p_wrong": grounds.p_wrong, "structured": grounds.p_wrong_structured}
    names: dict[str, str | None] = {"class": page.strength_class}
    if with_text:
        names |= {"category": page.category, "annotator": page.annotator_id}
    texts = pair_texts(page.prompt, page.chosen, page.rejected) if with_text else {}
    return pair_row(page.row, page.pair_id, numbers, texts, names, change, "; ".join(reasons(grounds)))


def _sentence(recipe: str, number: int) -> str:
    if not number:
        return "Without a recipe named, refine leaves all of these pairs as they are."
    return (
        f"Without a recipe named, refine takes {recipe}, which changes {count(number)} of these, as marked. "
        "A decision goes over it."
    )
