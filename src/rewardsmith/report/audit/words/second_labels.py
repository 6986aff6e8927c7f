"""What second labels say of an audited set, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from rewardsmith.contracts.metrics.parts import IntervalNumbers
from rewardsmith.contracts.metrics.second_labels import SecondErrorNumbers, SecondLabelCounts, SecondNumbers
from rewardsmith.report.numbers import count, percent, range_words, rounded_percent

MOSTLY = 0.8
"""Share of what a second view only repeats, above which its own error rate cannot be told."""
GUESSES = 0.4
"""Own error rate from which on it answers hardly better than a coin."""


def second_sentences(found: SecondNumbers | None) -> Iterator[str]:
    """How often they agree, with whom, how that goes with strength, and what ``p_wrong`` makes of it."""
    if found is None:
        return
    if not found["num_pairs"]:
        yield f"{found['dataset']} has no label of a pair that is decided and judged."
        return
    yield (
        f"The second labels ({found['dataset']}, {percent(found['share_covered'])} of the pairs) agree with "
        f"{_share(found['agreement'])} of the labels; the audit's judges with {_share(found['judges_agreement'])} of "
        f"them, and with {_share(found['judges_with_second'])} of the second."
    )
    yield f"{strength_finding(found)}."
    if found["error"]:
        yield error_sentence(found["error"])


def strength_finding(found: SecondNumbers) -> str:
    """Agreement in the weakest and in the strongest fifth."""
    weak, strong = found["weakest_fifth"], found["strongest_fifth"]
    if weak["value"] is None or strong["value"] is None:
        return "Agreement of labels and second labels by strength"
    words = f"{_share(weak)} in the weakest fifth, {_share(strong)} in the strongest"
    if weak["high"] is not None and strong["low"] is not None and weak["high"] < strong["low"]:
        return f"The stronger the preference, the more often labels and second labels agree: {words}"
    return f"Labels and second labels do not agree clearly more often on strong preferences: {words}"


def error_sentence(error: SecondErrorNumbers) -> str:
    """How good the second view is, or why that cannot be told."""
    for what, whose in (("repeats_labels", "the labels"), ("repeats_judges", "the audit's judges")):
        if error[what]["value"] > MOSTLY:  # type: ignore[literal-required]
            return f"They repeat {whose}, so how often they err cannot be told, and p_wrong hardly goes by them."
    rate = error["rate"]
    if rate["value"] > GUESSES:
        return "They look hardly better than guesses, and p_wrong hardly goes by them."
    return (
        f"By themselves they err in at most about {rounded_percent(rate['value'])} of the pairs; p_wrong goes by that."
    )


def left_out_words(found: SecondLabelCounts) -> str:
    """What of the second file was not used; nothing where all was."""
    parts = (
        (found["num_unmatched"], f"of its {count(found['num_rows'])} pairs are none of this set"),
        (found["num_contradicted"], "pairs have rows that contradict each other, whose mean counts"),
        (found["num_quarantined"], "of its rows cannot be used"),
    )
    words = [f"{count(number)} {what}" for number, what in parts if number]
    return f"{found['dataset']}: {'; '.join(words)}." if words else ""


def _share(interval: IntervalNumbers) -> str:
    low, high = interval["low"], interval["high"]
    ends = "" if low is None or high is None else f" ({range_words(low, high)})"
    return f"{rounded_percent(interval['value'])}{ends}"
