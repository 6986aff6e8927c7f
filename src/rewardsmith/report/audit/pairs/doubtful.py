"""The most doubtful labels as a table: ``doubtful.csv`` and ``AuditResult.doubtful``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.audit import AuditFindings
from rewardsmith.report.audit.pairs.reasons import grounds_at, reasons
from rewardsmith.report.binning import Floats, numbers_of
from rewardsmith.report.galleries import joined

DOUBTED = 0.5
"""Above this p_wrong a label is more likely wrong than right."""
MIN_ROWS = 100
"""Rows of ``doubtful.csv``, however few are above it."""
MAX_CELL = 32_000
"""Characters of a cell. Spreadsheets take 32,767."""
TEXTS = ("prompt", "chosen", "rejected")
NO_ORDER = "the audit cannot tell: in no trustworthy order"
"""The first of the reasons wherever it is so: a table travels without its report."""

COLUMNS = ("row", "p_wrong", "reasons", *TEXTS)

_FORMULA = ("=", "+", "-", "@")
_BLOCK = 1000


def by_doubt(p_wrong: Floats) -> NDArray[np.int64]:
    """Positions of the pairs that have a p_wrong, the largest first; equal ones in their order."""
    known = np.flatnonzero(np.isfinite(p_wrong))
    return known[np.argsort(-p_wrong[known], kind="stable")]


def most_doubtful(strengths: pa.Table) -> NDArray[np.int64]:
    """Positions of all labels with a p_wrong above ``DOUBTED``, and of more up to ``MIN_ROWS``; worst first."""
    return by_doubt(numbers_of(strengths, "p_wrong"))[: max(MIN_ROWS, num_doubted(strengths))]


def num_doubted(strengths: pa.Table) -> int:
    """Labels that are more likely wrong than right."""
    return int((numbers_of(strengths, "p_wrong") > DOUBTED).sum())


def doubtful_rows(
    pairs: pa.Table, strengths: pa.Table, metrics: AuditFindings, positions: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    """A row for each of the positions: row, p_wrong, reasons, and the texts as plain text."""
    order = [NO_ORDER] if metrics["claim"]["level"] == "cannot_tell" else []
    for start in range(0, len(positions), _BLOCK):
        block = positions[start : start + _BLOCK]
        rows = pairs.select(["row", *TEXTS]).take(pa.array(block)).to_pylist()
        for row, grounds in zip(rows, grounds_at(pairs, strengths, metrics, block), strict=True):
            yield {
                "row": row["row"],
                "p_wrong": grounds.p_wrong,
                "reasons": "; ".join([*order, *reasons(grounds)]),
                **{name: joined(row[name] or []) for name in TEXTS},
            }


def doubtful_table(
    pairs: pa.Table, strengths: pa.Table, metrics: AuditFindings, with_text: bool
) -> tuple[list[str], Iterator[list[str]]]:
    """Header and rows of ``doubtful.csv``; without texts their columns are left out."""
    header = [name for name in COLUMNS if with_text or name not in TEXTS]
    rows = doubtful_rows(pairs, strengths, metrics, most_doubtful(strengths))
    return header, (
        [str(row["row"]), f"{row['p_wrong']:.4f}", *(spreadsheet_cell(row[name]) for name in header[2:])]
        for row in rows
    )


def spreadsheet_cell(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula: one that begins like one gets a ``'`` before it.

    Control characters other than tab and line end go, and what is beyond ``MAX_CELL`` is cut and counted.
    """
    text = "".join(c for c in text if c >= " " or c in "\t\n\r")
    if len(text) > MAX_CELL:
        text = f"{text[:MAX_CELL]} [{len(text) - MAX_CELL:,} more characters]"
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
