from __future__ import annotations

import csv
import io
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.report.audit.pairs.doubtful import (
    MAX_CELL,
    NO_ORDER,
    by_doubt,
    doubtful_rows,
    doubtful_table,
    most_doubtful,
    spreadsheet_cell,
)


def tables(fake_audit: ModuleType, num: int, p_wrong: list[float | None]) -> tuple[pa.Table, pa.Table, dict[str, Any]]:
    pairs, strengths = fake_audit.fake_tables(num)
    at = strengths.column_names.index("p_wrong")
    strengths = strengths.set_column(at, "p_wrong", pa.array(p_wrong, pa.float32()))
    at = pairs.column_names.index("target")
    pairs = pairs.set_column(at, "target", pa.array([1.0] * num, pa.float32()))
    return pairs, strengths, fake_audit.fake_metrics(num, strengths)


def test_the_largest_come_first_equal_ones_in_their_order_and_ties_never() -> None:
    assert by_doubt(np.array([0.2, np.nan, 0.9, 0.2])).tolist() == [2, 0, 3]


@pytest.mark.parametrize(("num_doubted", "expected"), [(0, 100), (99, 100), (130, 130)])
def test_all_that_are_more_likely_wrong_and_a_hundred_at_least(
    fake_audit: ModuleType, num_doubted: int, expected: int
) -> None:
    _, strengths, _ = tables(fake_audit, 300, [0.9] * num_doubted + [0.1] * (300 - num_doubted))
    assert len(most_doubtful(strengths)) == expected


def test_a_small_set_stands_there_whole_without_its_ties(fake_audit: ModuleType) -> None:
    _, strengths, _ = tables(fake_audit, 60, [None] * 4 + [0.1] * 56)
    assert len(most_doubtful(strengths)) == 56


def test_rows_have_plain_texts_and_reasons(fake_audit: ModuleType) -> None:
    pairs, strengths, metrics = tables(fake_audit, 60, [0.3] * 60)
    (row,) = doubtful_rows(pairs, strengths, metrics, np.array([7]))
    assert row["row"] == 7 and row["p_wrong"] == pytest.approx(0.3)
    assert row["prompt"].startswith("question 7 ") and row["chosen"].endswith("CHOSENTEXT")
    assert NO_ORDER not in row["reasons"]


def test_a_table_without_a_trustworthy_order_says_so_in_every_row(fake_audit: ModuleType) -> None:
    pairs, strengths, metrics = tables(fake_audit, 60, [0.3] * 60)
    metrics["claim"] = {"level": "cannot_tell", "doubts": ["finds_no_flips"]}
    _, rows = doubtful_table(pairs, strengths, metrics, with_text=True)
    assert all(row[2].startswith(f"{NO_ORDER}; ") for row in rows)


def test_without_texts_only_numbers_and_reasons_stay(fake_audit: ModuleType) -> None:
    pairs, strengths, metrics = tables(fake_audit, 60, [0.3] * 60)
    header, rows = doubtful_table(pairs, strengths, metrics, with_text=False)
    assert header == ["row", "p_wrong", "reasons"]
    assert not any("TEXT" in cell or "question" in cell for row in rows for cell in row)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-2", "@SUM(A1)", "\t=cmd", " \n-x", "\x00=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert spreadsheet_cell(text)[0] == "'"


def test_other_texts_stay_as_they_are() -> None:
    for text in ("a = b", "", "'quoted'", 'two\nlines, and "more"', "größe 🙂\t1"):
        assert spreadsheet_cell(text) == text
    assert spreadsheet_cell("a\x1b[2Jb") == "a[2Jb"


def test_a_cell_is_no_longer_than_a_spreadsheet_takes() -> None:
    assert spreadsheet_cell("x" * MAX_CELL) == "x" * MAX_CELL
    cut = spreadsheet_cell("x" * (MAX_CELL + 1234))
    assert cut.endswith("x [1,234 more characters]") and len(cut) < 32_767


def test_every_cell_survives_the_writer(fake_audit: ModuleType) -> None:
    pairs, strengths, metrics = tables(fake_audit, 60, [0.3] * 60)
    header, rows = doubtful_table(pairs, strengths, metrics, with_text=True)
    given = [header, *rows]
    file = io.StringIO(newline="")
    csv.writer(file).writerows(given)
    file.seek(0)
    assert list(csv.reader(file)) == given
