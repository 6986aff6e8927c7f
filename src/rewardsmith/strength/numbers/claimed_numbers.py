"""The numbers of an audit, without those that its level does not allow: no share and no count of wrong labels.

What stays below ``labels_judged``: ranges that fit the data, what was found of planted flips, and all that is said of
judges and texts alone.
"""

from __future__ import annotations

from rewardsmith.contracts.metrics.audit import (
    AuditNumbers,
    Category,
    ClaimLevel,
    ClassCounts,
    StrengthNumbers,
    StructuredNumbers,
)
from rewardsmith.contracts.metrics.planted import AtThreshold, PlantedNumbers
from rewardsmith.contracts.metrics.second_labels import AgreementBin, SecondNumbers
from rewardsmith.strength.planted.review_curve import in_shares


def claimed(numbers: AuditNumbers) -> AuditNumbers:
    """The same at ``labels_judged``."""
    if numbers["claim"]["level"] == "labels_judged":
        return numbers
    held: AuditNumbers = {**numbers, "annotators": None, "strength": _strength(numbers), "stability": None}
    if noise := numbers["label_noise"]:
        held["label_noise"] = {
            **noise,
            "value": None,
            "expected_wrong": None,
            "num_flagged": None,
            "expected_wrong_flagged": None,
        }
    if second := numbers.get("second_labels"):
        held["second_labels"] = _second(second, numbers["claim"]["level"])
    if attainable := numbers["accuracy"]["attainable"]:
        held["accuracy"] = {**numbers["accuracy"], "attainable": {**attainable, "value": None}}
    if numbers["planted_flips"]:
        held["planted_flips"] = [_planted(found) for found in numbers["planted_flips"]]
    if numbers["categories"]:
        held["categories"] = [_category(row) for row in numbers["categories"]]
    if numbers["structured"]:
        held["structured"] = _structured(numbers["structured"], numbers["claim"]["level"])
    return held


def _strength(numbers: AuditNumbers) -> StrengthNumbers:
    strength, classes = numbers["strength"], numbers["strength"]["classes"]
    if classes is None or numbers["claim"]["level"] == "cannot_tell":
        return {**strength, "classes": None}
    kept: ClassCounts = {
        "ambiguous": classes["ambiguous"],
        "normal": classes["normal"],
        "strong": classes["strong"],
    }
    return {**strength, "classes": kept}


def _structured(found: StructuredNumbers, level: ClaimLevel) -> StructuredNumbers:
    """Where doubt gathers, without shares; nothing where there is no order to read in."""
    held: StructuredNumbers = {
        **found,
        "expected_share": None,
        "longer_rate": None,
        "shorter_rate": None,
        "categories": None,
    }
    return {**held, "leans_to": None, "gathers": False} if level == "cannot_tell" else held


def _second(found: SecondNumbers, level: ClaimLevel) -> SecondNumbers:
    """Without error rates, which rest on the share of wrong labels, and without beliefs of judges that know nothing."""
    bins: list[AgreementBin] = [{**row, "belief": None} for row in found["by_bin"]]
    return {**found, "error": None, "by_bin": bins if level == "cannot_tell" else found["by_bin"]}


def _planted(found: PlantedNumbers) -> PlantedNumbers:
    """Without the shares of wrong labels in the planted copy."""
    by_threshold: list[AtThreshold] = [{**row, "precision_at_natural_rate": None} for row in found["by_threshold"]]
    review = found["review"] and in_shares(found["review"])
    return {**found, "by_threshold": by_threshold, "noise_expected": None, "noise_found": None, "review": review}


def _category(row: Category) -> Category:
    return {**row, "share_doubtful": None}
