from __future__ import annotations

import copy
from typing import Any

import pytest

from rewardsmith.strength.numbers.claimed_numbers import claimed
from rewardsmith.strength.planted.review_curve import in_shares
from small_audit import NUMBERS

SECRETS = {0.0101 + 0.00137 * i for i in range(33)}
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
    assert planted["review"] == in_shares(NUMBERS["planted_flips"][0]["review"])
    assert found["stability"] is None


@pytest.mark.parametrize("level", ["reading_order", "cannot_tell"])
def test_no_count_or_share_of_wrong_labels_stands_anywhere(level: str) -> None:
    """Every such number of the audit is one of a kind here, so that it is found wherever it stays."""
    given = counted(level)
    assert numbers_in(given) >= SECRETS  # all are there, and are looked for
    assert numbers_in(claimed({**given, "claim": {"level": "labels_judged", "doubts": []}})) >= SECRETS
    assert numbers_in(claimed(given)) & SECRETS == set()


def counted(level: str) -> dict[str, Any]:
    secrets = iter(sorted(SECRETS))

    def of(part: dict[str, Any], *names: str) -> dict[str, Any]:
        return {**part, **{name: next(secrets) for name in names}}

    numbers = at(level)
    (planted,) = numbers["planted_flips"]
    review = planted["review"]
    first = of(review["first"], "found", "low", "high", "at_random")
    ends = dict(zip(("low", "high"), secrets, strict=False))
    return {
        **numbers,
        "label_noise": of(NUMBERS["label_noise"], "value", "expected_wrong", "num_flagged", "expected_wrong_flagged"),
        "accuracy": {**NUMBERS["accuracy"], "attainable": of(NUMBERS["accuracy"]["attainable"], "value")},
        "strength": {"classes": of(NUMBERS["strength"]["classes"], "incorrect")},
        "categories": [of(CATEGORY, "share_doubtful")],
        "structured": {
            **of(STRUCTURED, "expected_share", "longer_rate", "shorter_rate"),
            "categories": [of(STRUCTURED["categories"][0], "share_wrong", "longer_rate", "shorter_rate")],
        },
        "annotators": [of({"name": "a"}, "error_rate", "low", "high")],
        "stability": {"num_resamples": 20, "flagged": ends, "share": of({}, "low", "high")},
        "planted_flips": [
            {
                **of(planted, "noise_expected"),
                "noise_found": of({}, "value", "low", "high"),
                "by_threshold": [of({"threshold": 0.5}, "precision_at_natural_rate")],
                "review": {
                    **review,
                    "share_wrong": of({}, "value", "low", "high"),
                    "first": first,
                    "steps": [first],
                    "others": [{"method": "x", "found": [next(secrets)]}],
                },
            }
        ],
    }


def numbers_in(part: Any) -> set[float]:
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list):
        return set().union(*map(numbers_in, part))
    return {part} if isinstance(part, float) else set()


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


@pytest.mark.parametrize(("level", "belief"), [("reading_order", 0.7), ("cannot_tell", None)])
def test_of_second_labels_agreement_stays(level: str, belief: float | None) -> None:
    second = {"agreement": {"value": 0.8}, "error": {"rate": {"value": 0.1}}, "by_bin": [{"bin": 0, "belief": 0.7}]}
    found = claimed({**at(level), "second_labels": second})["second_labels"]  # type: ignore[typeddict-item]
    assert found == {"agreement": {"value": 0.8}, "error": None, "by_bin": [{"bin": 0, "belief": belief}]}
