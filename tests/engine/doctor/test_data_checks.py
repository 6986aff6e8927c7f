"""The doctor's checks of a set."""

from __future__ import annotations

import pytest

from rewardsmith.engine.doctor.check import Check, checked, verdict
from rewardsmith.engine.doctor.data_checks import check_rows, check_truncation
from rewardsmith.errors import DataError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_reward_models import pair_table, some_rows, tiny_tokenizer


def test_rows_that_cannot_be_used_are_counted_by_reason() -> None:
    bad = {"prompt": "p", "chosen": "", "rejected": "x"}
    [rows] = check_rows(load_preferences([*some_rows(8), bad], DataOptions()))
    assert rows.mark == "warn" and rows.sentence == "1 of 9 rows cannot be used: 1 empty_field."


def test_findings_are_told_beside_the_rows() -> None:
    rows = some_rows(8)
    checks = {check.name: check for check in check_rows(load_preferences([*rows, rows[0]], DataOptions()))}
    assert checks.pop("rows").sentence == "All 9 rows can be used (form: trl)."
    assert checks["exact duplicates"].mark == "warn"


@pytest.mark.parametrize(("max_length", "marks"), [(128, ["ok", "ok"]), (24, ["warn", "fail"])])
def test_pairs_that_truncation_makes_the_same_fail(max_length: int, marks: list[str]) -> None:
    row = {"prompt": "cat", "chosen": "one " + "red " * 40, "rejected": "two " + "red " * 40}
    encoder = ConversationEncoder(tiny_tokenizer(), max_length)
    checks = check_truncation(pair_table([row, some_rows(1)[0]]), encoder, "tiny")
    assert [check.mark for check in checks] == marks
    assert checks[0].sentence.startswith(f"{marks.count('warn')} of 2 pairs")


def test_what_cannot_be_checked_is_a_finding() -> None:
    def broken() -> list[Check]:
        raise DataError("no such file")

    assert checked("read", broken) == [Check("read", "fail", "no such file")]
    assert checked("read", lambda: [verdict("rows", True, "Fine.", "Not.")]) == [Check("rows", "ok", "Fine.")]
