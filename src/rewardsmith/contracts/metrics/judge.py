"""What `judge` says: who wins how often, and how far the judge is to be trusted."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from rewardsmith.contracts.metrics.parts import IntervalNumbers


class RulingCounts(TypedDict):
    """Of some pairs."""

    num_pairs: int
    num_prompts: int
    num_judged: int
    num_equal: int
    """Pairs of equal responses: ties that nobody was asked about."""
    not_judged_by_problem: dict[str, int]


class FileNumbers(TypedDict):
    """A file that is compared."""

    name: str
    num_rows: int
    num_bad_rows: int
    bad_rows_by_reason: dict[str, int]
    num_prompts: int
    num_responses: int
    rating: IntervalNumbers
    """Bradley-Terry, base 10, scale 400; the first file has 0. None where somebody never lost or never won."""
    columns_not_read: dict[str, int]
    """Column -> rows in which it could be part of the conversation."""


class ContestNumbers(RulingCounts):
    """Two files; everything is of the first one."""

    first: str
    second: str
    num_wins: int
    num_ties: int
    num_losses: int
    win_rate: IntervalNumbers
    """(wins + ties / 2) / judged pairs; its interval is over prompts."""
    verdict: Literal["better", "worse", "unclear"]
    """Whether the interval excludes a half."""
    smallest_seen: float | None
    """The smallest difference to a half that four of five such comparisons would find."""
    length_gap_mean: float | None
    """Characters by which its responses are longer."""
    length_controlled_rate: IntervalNumbers
    """The win rate that is predicted where both are equally long."""
    gold_win_rate: IntervalNumbers | None
    """By true rewards, of the pairs that have them."""


class PositionNumbers(TypedDict):
    """Of pairs that were shown in both orders and judged in both."""

    num_pairs: int
    consistent: float
    """Share in which both answers are the same."""
    num_first_both_times: int
    """The response that was shown first was preferred, whichever it was."""
    num_second_both_times: int
    first_rate: IntervalNumbers
    """Share of decided answers that prefer what is shown first; half of them without a bias."""


class NeededComparisons(TypedDict):
    """What it takes to see a gain with this judge."""

    gain: float
    """True win rate, less a half."""
    num_comparisons: int | None
    """One a prompt; None where the judge cannot be told from chance."""
    num_comparisons_at_low: int | None
    """The same for a judge as bad as the lower end of the interval of its accuracy."""


class TruthNumbers(RulingCounts):
    """The judge beside the truth, on pairs of which the truth decides: both responses are to one prompt."""

    name: str
    truth: Literal["labels", "gold"]
    num_ties: int
    """Of the judge."""
    accuracy: IntervalNumbers
    """Of the pairs that it decides."""
    accuracy_ties_half: IntervalNumbers
    share_of_gain: float | None
    """2 accuracy_ties_half - 1: what is left of a true gain in the judge's win rate if it errs alike for both sides."""
    needed: list[NeededComparisons]


class ForecastNumbers(TypedDict):
    """What is still to be asked, each request answered once and at full length."""

    num_requests: int
    num_requests_most: int
    """If no answer can be read at first: each is then asked for in another form."""
    num_kept: int
    num_tokens_in: int
    num_tokens_out: int
    cost: float | None
    cost_most: float | None
    """Of so many requests."""


class SpentNumbers(TypedDict):
    """What judging took of an endpoint."""

    num_requests: int
    """Answers that came, and were paid."""
    num_retries: int
    num_kept: int
    """Answers that had been paid for before."""
    num_tokens_in: int
    num_tokens_out: int
    num_uncounted: int
    """Answers of which the endpoint does not say how many tokens they took: they count here as was forecast, a third
    of the bytes read and the longest answer written."""
    cost: float | None
    forecast: ForecastNumbers


class JudgedNumbers(TypedDict):
    """What follows from the rulings."""

    judge: str
    kind: Literal["endpoint", "reward_model", "gold", "given"]
    fingerprint: str
    rubric: str | None
    orders: Literal["both", "random"] | None
    tie_band: float | None
    files: list[FileNumbers]
    contests: list[ContestNumbers]
    truth: list[TruthNumbers]
    position: PositionNumbers | None
    spent: SpentNumbers | None


class JudgeMetrics(JudgedNumbers):
    num_pairs_resumed: int
    seed: int
    duration_s: float
