"""What reading the audit's list is worth, in words: counts where labels are judged, a ratio where they are ordered."""

from __future__ import annotations

from rewardsmith.contracts.metrics.audit import ClaimLevel
from rewardsmith.contracts.metrics.planted import PlantedNumbers, ReviewCurve, ReviewStep
from rewardsmith.report.numbers import count, decimal, decimal_range, percent, percent_range

NOTHING_TO_FIND = "Less than one label of this set is expected to be wrong: reading it finds next to nothing."
ASSUMPTION = (
    "Wrong labels are taken to stand where the flips do, which fall on all pairs alike: errors on hard pairs are found "
    "later, and for them this is too good. For others it is a little too low, since the flips make the copy harder to "
    "judge than the set, and some put a wrong label right."
)


def review_sentence(planted: PlantedNumbers, level: ClaimLevel) -> str:
    """What the first pairs of the audit's order hold; empty for flips that are no measure of it."""
    if planted["kind"] != "uniform":
        return ""
    if planted["review"] is None:
        return NOTHING_TO_FIND
    first = planted["review"]["first"]
    read = f"Reading the first {count(first['num_read'])} pairs in the audit's order finds"
    if level == "labels_judged":
        span, chance = count_range(first["low"], first["high"]), about(first["at_random"])
        return f"{read} about {about(first['found'])} wrong labels{in_brackets(span)}; at random {chance}."
    span = times_range(first)
    if level == "cannot_tell" or (first["times_low"] is not None and first["times_low"] <= 1):
        return f"{read} hardly more wrong labels than reading at random{in_brackets(span and f'{span} times as many')}."
    times = decimal(first["times_random"], 1)
    return f"{read} {times} times as many wrong labels as reading at random{in_brackets(span)}."


def review_number(planted: PlantedNumbers, level: ClaimLevel) -> tuple[str, str, str] | None:
    """Label, value and detail for a row of key numbers; None where there is no such number to give."""
    review = planted["review"]
    if planted["kind"] != "uniform" or review is None or level == "cannot_tell":
        return None
    first = review["first"]
    label = f"reading the first {count(first['num_read'])} finds"
    if level == "labels_judged":
        span, chance = count_range(first["low"], first["high"]), about(first["at_random"])
        return label, about(first["found"]), f"wrong labels{in_brackets(span)}; at random {chance}"
    times = f"{decimal(first['times_random'], 1)}\N{MULTIPLICATION SIGN}"
    return label, times, f"as many wrong labels as at random{in_brackets(times_range(first))}"


def review_caption(review: ReviewCurve) -> str:
    """What the curve rests on, in plain words."""
    share = review["share_wrong"]
    if share is None:
        return f"Measured on the copy. The band covers the sample and how many labels may be wrong. {ASSUMPTION}"
    return (
        f"Measured on the copy and counted for the {percent(share['value'])} of wrong labels that the audit estimates "
        f"({percent_range(share['low'], share['high'])}). The band covers that range and the sample. {ASSUMPTION}"
    )


def about(number: float) -> str:
    """A count that was estimated: ``31``, ``under 1``."""
    return "under 1" if 0 < number < 0.5 else count(round(number))


def count_range(low: float | None, high: float | None) -> str:
    """``24 to 38``, or nothing where there is no interval."""
    return "" if low is None or high is None else f"{count(round(low))} to {count(round(high))}"


def times_range(step: ReviewStep) -> str:
    """``1.6 to 2.9``, or nothing where there is no interval."""
    return decimal_range(step["times_low"], step["times_high"], 1, missing="")


def in_brackets(words: str) -> str:
    """With a space before, or nothing."""
    return f" ({words})" if words else ""
