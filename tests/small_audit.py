"""The numbers of an audit of 100 pairs, and what is said of them."""

from __future__ import annotations

from typing import Any

from rewardsmith.report.audit.words.next_steps import AskedFor
from rewardsmith.report.audit.words.results import with_words
from rewardsmith.strength.numbers.claimed_numbers import claimed

FIRST = {
    "num_read": 20,
    "found": 6.0,
    "low": 2.94,
    "high": 8.82,
    "at_random": 2.0,
    "times_random": 3.0,
    "times_low": 2.0,
    "times_high": 4.0,
}
REVIEW = {
    "in_counts": True,
    "num_pairs": 98,
    "share_wrong": {"value": 0.1, "low": 0.07, "high": 0.12},
    "first": FIRST,
    "steps": [FIRST],
    "others": [{"method": "single-model loss", "found": [4.9]}],
}
NUMBERS: dict[str, Any] = {
    "claim": {"level": "labels_judged", "doubts": []},
    "data": {
        "num_pairs": 100,
        "num_rows_read": 103,
        "num_rows_available": 103,
        "num_quarantined": 3,
        "num_responses": 200,
        "truncated_share": 0.04,
        "max_length": 512,
        "max_length_enough": 480,
        "max_length_limit": 512,
    },
    "ensemble": {
        "kind": "probe",
        "model": "embedded/minilm",
        "num_members": 50,
        "num_judges": 10,
        "num_pairs_without_judges": 0,
        "fold_by": "prompt",
        "crossfit": "groups",
    },
    "strength": {"classes": {"incorrect": 12, "ambiguous": 5, "normal": 60, "strong": 23}},
    "accuracy": {
        "held_out": {"value": 0.8, "low": 0.75, "high": 0.85},
        "length_only": {"value": 0.55, "prefers": "longer"},
        "attainable": {"value": 0.9, "low": 0.88, "high": 0.93},
    },
    "label_noise": {
        "value": 0.1,
        "low": 0.07,
        "high": 0.12,
        "identifiable": True,
        "in_sample": False,
        "num_groups": 50,
        "kept": 1.0,
        "vote_error": None,
        "num_labels": 98,
        "expected_wrong": 9.7,
        "num_flagged": 12,
        "expected_wrong_flagged": 7.4,
    },
    "planted_flips": [
        {
            "kind": "uniform",
            "rate": 0.2,
            "auroc": {"value": 0.83, "low": 0.78, "high": 0.87},
            "by_threshold": [],
            "reliability": [],
            "noise_expected": 0.26,
            "noise_found": {"value": 0.25, "low": 0.2, "high": 0.3},
            "review": REVIEW,
        }
    ],
    "structured": None,
    "categories": None,
    "stability": None,
}


def words(**changes: dict[str, Any] | list[Any]) -> dict[str, Any]:
    """Of the numbers with some of their parts changed."""
    numbers = {**NUMBERS, **{name: {**NUMBERS[name], **part} if part else part for name, part in changes.items()}}
    return with_words(claimed(numbers), AskedFor("runs/audit", {"dataset_name": "prefs.jsonl"}), keeps_members=True)
