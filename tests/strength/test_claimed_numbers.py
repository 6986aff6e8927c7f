from __future__ import annotations

import copy
from typing import Any

import pytest

from rewardsmith.strength.claimed_numbers import claimed
from small_audit import NUMBERS

CATEGORY = {"name": "x", "count": 9, "accuracy": 0.8, "share_doubtful": 0.1, "strength_mean": 1.0}
STRUCTURED = {
    "expected_share": 0.1,
    "longer_rate": 0.3,
    "shorter_rate": 0.1,
    "p_rates_differ": 0.99,
    "leans_to": "longer",
    "gathers": True,
    "categories": [{"name": "x", "count": 9, "share_wrong": 0.1, "longer_rate": 0.3, "shorter_rate": 0.1}],
}


def at(level: str) -> dict[str, Any]:
    claim = {"level": level, "doubts": []}
    return {
        **NUMBERS,
        "claim": claim,
        "categories": [CATEGORY],
        "structured": STRUCTURED,
        "annotators": [{"name": "a"}],
    }


def test_labels_judged_keep_every_number() -> None:
    assert claimed(at("labels_judged")) == at("labels_judged")


@pytest.mark.parametrize("level", ["reading_order", "cannot_tell"])
def test_shares_and_counts_of_wrong_labels_are_held_and_ranges_stay(level: str) -> None:
    given = at(level)
    before = copy.deepcopy(given)
    found = claimed(given)
    assert given == before
    noise = found["label_noise"]
    held = ("value", "expected_wrong", "num_flagged", "expected_wrong_flagged")
    assert [noise[name] for name in held] == [None] * 4
    assert (noise["low"], noise["high"], noise["num_labels"]) == (0.07, 0.12, 98)
    assert found["accuracy"]["attainable"] == {"value": None, "low": 0.88, "high": 0.93}
    assert found["accuracy"]["held_out"] == NUMBERS["accuracy"]["held_out"]
    assert found["annotators"] is None
    assert found["categories"] == [{**CATEGORY, "share_doubtful": None}]
    (planted,) = found["planted_flips"]
    assert planted["noise_expected"] is planted["noise_found"] is None
    assert planted["auroc"] == NUMBERS["planted_flips"][0]["auroc"]


def test_a_reading_order_has_classes_but_none_of_wrong_labels_and_says_where_doubt_gathers() -> None:
    found = claimed(at("reading_order"))
    assert found["strength"]["classes"] == {"ambiguous": 5, "normal": 60, "strong": 23}
    assert found["structured"] == {**STRUCTURED, **dict.fromkeys(list(STRUCTURED)[:3]), "categories": None}


def test_where_nothing_can_be_told_there_are_no_classes() -> None:
    found = claimed(at("cannot_tell"))
    assert found["strength"]["classes"] is None
    assert (found["structured"]["leans_to"], found["structured"]["gathers"]) == (None, False)


def test_what_was_not_measured_stays_none() -> None:
    bare = {**at("cannot_tell"), **dict.fromkeys(("label_noise", "planted_flips", "categories", "structured"))}
    bare["accuracy"] = {**NUMBERS["accuracy"], "attainable": None}
    found = claimed(bare)
    assert found["label_noise"] is None and found["accuracy"]["attainable"] is None
