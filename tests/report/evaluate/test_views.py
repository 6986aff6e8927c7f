"""Accuracy by second labels in words."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.report.evaluate.view_words import coverage_words, view_finding, view_rows


def difference(value: float, low: float, high: float) -> dict[str, Any]:
    ends = {"difference": value, "difference_low": low, "difference_high": high}
    return {"first": 0.8, "second": 0.8 - value, **ends, "is_clear": low > 0 or high < 0, "num_rows": 90}


def views(value: float = -0.1, low: float = -0.2, high: float = -0.05) -> Any:
    counts = {"dataset": "judged", "num_covered": 95, "share_covered": 0.95, "num_rows": 99, "num_unmatched": 4}
    return {
        **counts,
        "num_contradicted": 1,
        "num_quarantined": 0,
        "num_pairs": 90,
        "num_both": 72,
        "given": {"value": 0.8, "low": 0.7, "high": 0.9},
        "second": {"value": 0.8 + value, "low": None, "high": None},
        "both": {"value": 0.85, "low": 0.75, "high": 0.95},
        "second_above_given": difference(value, low, high),
        "both_above_given": {"value": 0.05, "low": 0.01, "high": 0.09},
    }


@pytest.mark.parametrize(
    ("ends", "side"),
    [
        ((-0.1, -0.2, -0.05), "with the labels:"),
        ((0.1, 0.05, 0.2), "with the second labels:"),
        ((0.01, -0.1, 0.1), "neither"),
    ],
)
def test_the_finding_says_with_whom_the_rewards_side(ends: tuple[float, float, float], side: str) -> None:
    words = view_finding(views(*ends))
    assert words.startswith("Where the two disagree (20% of the pairs) the rewards side") and side in words
    assert "80% of the labels" in words and "85% of those on which both agree" in words


def test_rows_stand_beside_the_other_model() -> None:
    clear, unclear = difference(0.02, 0.01, 0.03), difference(0.0, -0.01, 0.01)
    rows = view_rows(views(), {"given": clear, "second": clear, "both": unclear})  # type: ignore[typeddict-item]
    assert [row.pairs for row in rows] == ["90", "90", "72"]
    assert rows[0].above == "" and rows[1].above == "−10.0 points (−20.0 to −5.0)"
    assert rows[2].accuracy == "0.850 (0.750 to 0.950)" and rows[2].against.endswith(", not clear")


def test_what_was_not_used_is_said() -> None:
    words = coverage_words(views())
    assert words.startswith("judged has labels of 95% of the pairs; on 90 both decide.")
    assert "4 of its 99 pairs are none of this set" in words and "1 pairs have rows" in words
    assert "no pair on which both" in view_finding({**views(), "num_pairs": 0})
