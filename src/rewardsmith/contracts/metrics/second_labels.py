"""What is measured with the labels of a second file (``preferences/second_labels.py``)."""

from __future__ import annotations

from typing_extensions import TypedDict

from rewardsmith.contracts.metrics.parts import IntervalNumbers, MeasureDifference, Range


class SecondLabelCounts(TypedDict):
    """Which pairs of the set the file speaks of, and which of its rows speak of none."""

    dataset: str
    num_covered: int
    share_covered: float
    num_rows: int
    num_unmatched: int
    """Of these, those of no pair of the set."""
    num_contradicted: int
    """Pairs whose rows in the file prefer one response and the other; their mean counts."""
    num_quarantined: int


class AgreementBin(TypedDict):
    """A twentieth of the pairs, by strength."""

    bin: int
    count: int
    """Of decided pairs that the file covers."""
    strength_mean: float
    agreement: IntervalNumbers
    belief: float | None
    """What the audit's judges expect before the label is read: mean probability that it has the better response."""


class SecondErrorNumbers(TypedDict):
    """What ``p_wrong`` goes by (``strength/label_noise/second_view.py``)."""

    rate: Range
    """Of the second labels, apart from what they only repeat."""
    repeats_labels: Range
    """Share of pairs in which they have the label's side, whatever is true."""
    repeats_judges: Range


class SecondNumbers(SecondLabelCounts):
    """Second labels beside those of an audited set: decided ones of pairs with judges. A tie of the second is half."""

    num_pairs: int
    num_ties: int
    agreement: IntervalNumbers
    agreement_decided: IntervalNumbers
    """Without the ties of the second."""
    judges_agreement: IntervalNumbers
    """Of the audit's judges with the labels, on the same pairs."""
    judges_with_second: IntervalNumbers
    weakest_fifth: IntervalNumbers
    """Agreement of second labels and labels in the fifth of the pairs whose strength is least."""
    strongest_fifth: IntervalNumbers
    by_bin: list[AgreementBin]
    error: SecondErrorNumbers | None
    """None unless labels are judged."""


class LabelViews(TypedDict):
    """Accuracies of rewards, tied ones half, by pairs on which labels and second labels decide."""

    num_pairs: int
    num_both: int
    """Of these, those whose two labels agree."""
    given: IntervalNumbers
    second: IntervalNumbers
    both: IntervalNumbers
    """On the pairs of ``num_both`` alone."""
    second_above_given: MeasureDifference
    both_above_given: IntervalNumbers
    """Prompts are drawn for both numbers together."""


class NamedViews(LabelViews, SecondLabelCounts):
    pass


class ViewDifferences(TypedDict):
    """Two models by each view."""

    given: MeasureDifference
    second: MeasureDifference
    both: MeasureDifference
