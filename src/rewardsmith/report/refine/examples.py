"""Some of the pairs that each rule changed, with before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rewardsmith.report.binning import Floats, numbers_of
from rewardsmith.report.galleries import PairView, pair_views, top_rows
from rewardsmith.report.numbers import decimal


@dataclass(frozen=True)
class Example:
    """A changed pair: what was there, what is there now, and why."""

    pair: PairView
    before: str
    after: str
    reason: str


@dataclass(frozen=True)
class RuleExamples:
    """Some of the pairs that a rule was for."""

    rule: str
    examples: list[Example]


def rule_examples(ledger: pa.Table, rules: Sequence[str], num_examples: int, with_text: bool) -> list[RuleExamples]:
    """For each rule, the most doubtful of the pairs that it was for and that are not shown already.

    Rules without such a pair are left out.
    """
    if num_examples <= 0:
        return []
    numbers = {name: numbers_of(ledger, name) for name in ("strength_mean", "strength_std", "p_wrong")}
    doubt = np.where(np.isfinite(numbers["p_wrong"]), numbers["p_wrong"], -1.0)
    column = ledger["rules"].combine_chunks()
    owners, names = pc.list_parent_indices(column).to_numpy(), pc.list_flatten(column)
    found = []
    for rule in dict.fromkeys(rules):
        own = owners[pc.equal(names, rule).to_numpy(zero_copy_only=False)]
        order = np.full(len(ledger), np.nan)
        order[own] = doubt[own]
        rows = top_rows(order, ledger, num_examples)
        doubt[rows] = np.nan
        if len(rows):
            found.append(RuleExamples(rule, _examples(ledger, rows, numbers, with_text)))
    return found


def _examples(
    ledger: pa.Table, rows: NDArray[np.int64], numbers: Mapping[str, Floats], with_text: bool
) -> list[Example]:
    views = pair_views(ledger, rows, numbers["strength_mean"], numbers["strength_std"], numbers["p_wrong"], with_text)
    reasons = ledger["reason"].take(pa.array(rows)).to_pylist()
    return [
        Example(view, supervision_words(ledger, row, "_given"), supervision_words(ledger, row, ""), reason)
        for view, row, reason in zip(views, rows.tolist(), reasons, strict=True)
    ]


def supervision_words(ledger: pa.Table, row: int, suffix: str) -> str:
    """``target 1.00, margin 0.00, weight 1.00`` of a pair."""
    values = {name: ledger[f"{name}{suffix}"][row].as_py() for name in ("target", "margin", "weight")}
    return ", ".join(f"{name} {decimal(value)}" for name, value in values.items())
