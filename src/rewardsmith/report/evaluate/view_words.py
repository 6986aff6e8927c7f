"""Accuracy by labels, by second labels and where both agree, in a sentence and rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rewardsmith.contracts.metrics.parts import IntervalNumbers
from rewardsmith.contracts.metrics.second_labels import NamedViews, ViewDifferences
from rewardsmith.report.audit.words.second_labels import left_out_words
from rewardsmith.report.numbers import count, decimal, decimal_range, percent, points

VIEWS: dict[Literal["given", "second", "both"], str] = {
    "given": "labels",
    "second": "second labels",
    "both": "where both agree",
}


_AGREED: dict[Literal["given", "second", "both"], str] = {
    "given": "of the labels",
    "second": "of the second labels",
    "both": "of those on which both agree",
}


@dataclass(frozen=True)
class ViewRow:
    """One view, as words."""

    name: str
    pairs: str
    accuracy: str
    above: str
    """The accuracy by the labels."""
    against: str
    """The other model."""


def view_finding(numbers: NamedViews) -> str:
    """Whether the rewards side with labels or with second labels where these disagree."""
    if not numbers["num_pairs"]:
        return "There is no pair on which both labels decide"
    entry = numbers["second_above_given"]
    shares = ", ".join(f"{percent(numbers[view]['value'])} {words}" for view, words in _AGREED.items())
    whose = "neither labels nor second labels more often than the other"
    if entry["is_clear"] and entry["difference"] is not None:
        whose = "the second labels" if entry["difference"] > 0 else "the labels"
    share = percent(1 - numbers["num_both"] / numbers["num_pairs"])
    return f"Where the two disagree ({share} of the pairs) the rewards side with {whose}: they agree with {shares}"


def coverage_words(numbers: NamedViews) -> str:
    """Which pairs the numbers are of, and what of the second file was not used."""
    covered = f"{numbers['dataset']} has labels of {percent(numbers['share_covered'])} of the pairs"
    return f"{covered}; on {count(numbers['num_pairs'])} both decide. {left_out_words(numbers)}".strip()


def view_rows(numbers: NamedViews, differences: ViewDifferences | None) -> list[ViewRow]:
    """The three views."""
    both, entry = numbers["both_above_given"], numbers["second_above_given"]
    above = {
        "given": "",
        "second": points(entry["difference"], entry["difference_low"], entry["difference_high"]),
        "both": points(both["value"], both["low"], both["high"]),
    }
    return [
        ViewRow(
            words,
            count(numbers["num_both"] if view == "both" else numbers["num_pairs"]),
            _with_ends(numbers[view]),
            above[view],
            _against(differences, view),
        )
        for view, words in VIEWS.items()
    ]


def _against(differences: ViewDifferences | None, view: Literal["given", "second", "both"]) -> str:
    if differences is None:
        return ""
    entry = differences[view]
    words = points(entry["difference"], entry["difference_low"], entry["difference_high"])
    return words + ("" if entry["is_clear"] else ", not clear")


def _with_ends(interval: IntervalNumbers) -> str:
    ends = decimal_range(interval["low"], interval["high"], missing="")
    return decimal(interval["value"], 3) + (f" ({ends})" if ends else "")
