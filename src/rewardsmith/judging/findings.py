"""From rulings to numbers: who wins how often, how biased the judge is by position, how often it is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.judge import CREDIT, ResponsePair, Ruling
from rewardsmith.contracts.metrics.judge import (
    ContestNumbers,
    NeededComparisons,
    PositionNumbers,
    RulingCounts,
    TruthNumbers,
)
from rewardsmith.contracts.metrics.parts import IntervalNumbers
from rewardsmith.judging.contests import Compared
from rewardsmith.judging.orders import are_equal
from rewardsmith.metrics.bradley_terry import rating_intervals
from rewardsmith.metrics.intervals import SEEN, Interval, number_to_see, standard_error
from rewardsmith.metrics.win_rates import length_controlled_rate, win_rate

Floats = NDArray[np.float64]
GAINS = (0.02, 0.05, 0.1)
"""True gains of which is said how many comparisons they need."""


@dataclass(frozen=True)
class Judged:
    """A pair with its ruling."""

    pair: ResponsePair
    prompt_id: str
    ruling: Ruling

    @property
    def credit(self) -> float | None:
        return None if self.ruling.outcome is None else CREDIT[self.ruling.outcome]


def contest_numbers(first: str, second: str, compared: Sequence[Compared], rulings: Sequence[Ruling]) -> ContestNumbers:
    """Of two files."""
    judged = [Judged(one.pair, one.prompt_id, ruling) for one, ruling in zip(compared, rulings, strict=True)]
    kept = [(one, found) for one, found in zip(compared, judged, strict=True) if found.credit is not None]
    credits, prompts = _credits(judged)
    gaps = np.array([one.length_gap for one, _ in kept], dtype=np.float64)
    rate = win_rate(credits, prompts)
    error = standard_error(credits, prompts) if isfinite(rate.low) else 0.0
    outcomes = Counter(found.ruling.outcome for _, found in kept)
    return {
        "first": first,
        "second": second,
        **counts_of(judged),
        "num_wins": outcomes["win"],
        "num_ties": outcomes["tie"],
        "num_losses": outcomes["lose"],
        "win_rate": rate.as_dict(),
        "verdict": "better" if rate.low > 0.5 else "worse" if rate.high < 0.5 else "unclear",
        "smallest_seen": SEEN * error or None,
        "length_gap_mean": float(gaps.mean()) if len(gaps) else None,
        "length_controlled_rate": length_controlled_rate(credits, gaps, prompts).as_dict(),
        "gold_win_rate": _gold_rate(compared),
    }


def file_ratings(num_files: int, compared: Sequence[Compared], rulings: Sequence[Ruling]) -> list[Interval]:
    """The rating of each file."""
    names = sorted({one.prompt_id for one in compared})
    place = {name: number for number, name in enumerate(names)}
    wins = np.zeros((len(names), num_files, num_files))
    for one, ruling in zip(compared, rulings, strict=True):
        if ruling.outcome is not None:
            credit = CREDIT[ruling.outcome]
            wins[place[one.prompt_id], one.first, one.second] += credit
            wins[place[one.prompt_id], one.second, one.first] += 1 - credit
    return rating_intervals(wins)


def position_numbers(rulings: Sequence[Ruling], prompts: Sequence[str]) -> PositionNumbers | None:
    """Of the pairs whose both orders were judged; None where there are none."""
    both = [
        (one.shown_first, one.shown_second, prompt)
        for one, prompt in zip(rulings, prompts, strict=True)
        if one.shown_first is not None and one.shown_second is not None
    ]
    if not both:
        return None
    said = [(straight == "win", prompt) for straight, _, prompt in both if straight != "tie"]
    said += [(swapped == "lose", prompt) for _, swapped, prompt in both if swapped != "tie"]
    counts = Counter((straight, swapped) for straight, swapped, _ in both)
    return {
        "num_pairs": len(both),
        "consistent": sum(straight == swapped for straight, swapped, _ in both) / len(both),
        "num_first_both_times": counts["win", "lose"],
        "num_second_both_times": counts["lose", "win"],
        "first_rate": win_rate([prefers_first for prefers_first, _ in said], [prompt for _, prompt in said]).as_dict(),
    }


def truth_numbers(
    name: str, truth: Literal["labels", "gold"], judged: Sequence[Judged], gaps: Sequence[float]
) -> TruthNumbers:
    """The judge beside the truth. ``gaps``: their signs say whether the first response is truly the better one."""
    sure = [(one, gap) for one, gap in zip(judged, gaps, strict=True) if gap]
    side = np.array([1.0 if gap > 0 else 0.0 for one, gap in sure if one.credit is not None])
    credits, prompts = _credits([one for one, _ in sure])
    right = 1 - np.abs(credits - side)
    decided = credits != 0.5
    accuracy = win_rate(right, prompts)
    return {
        "name": name,
        "truth": truth,
        **counts_of([one for one, _ in sure]),
        "num_ties": int((~decided).sum()),
        "accuracy": win_rate(right[decided], prompts[decided]).as_dict(),
        "accuracy_ties_half": accuracy.as_dict(),
        "share_of_gain": 2 * accuracy.value - 1 if isfinite(accuracy.value) else None,
        "needed": [_needed(gain, accuracy, credits) for gain in GAINS],
    }


def counts_of(judged: Sequence[Judged]) -> RulingCounts:
    problems = Counter(one.ruling.problem for one in judged if one.ruling.problem is not None)
    return {
        "num_pairs": len(judged),
        "num_prompts": len({one.prompt_id for one in judged}),
        "num_judged": sum(one.credit is not None for one in judged),
        "num_equal": sum(are_equal(one.pair) for one in judged),
        "not_judged_by_problem": dict(problems.most_common()),
    }


def _credits(judged: Sequence[Judged]) -> tuple[Floats, NDArray[np.str_]]:
    """Credits and prompts of what is judged."""
    kept = [one for one in judged if one.credit is not None]
    credits = np.array([one.credit for one in kept], dtype=np.float64)
    return credits, np.array([one.prompt_id for one in kept], dtype=str)


def _gold_rate(compared: Sequence[Compared]) -> IntervalNumbers | None:
    known = [(one.gold_gap, one.prompt_id) for one in compared if one.gold_gap is not None]
    if not known:
        return None
    return win_rate([0.5 + 0.5 * np.sign(gap) for gap, _ in known], [prompt for _, prompt in known]).as_dict()


def _needed(gain: float, accuracy: Interval, credits: Floats) -> NeededComparisons:
    """A true gain g shows as g (2 accuracy - 1); an answer varies about a half by what the judge decides."""
    error = float(np.sqrt(((credits - 0.5) ** 2).mean())) if len(credits) else 0.0

    def number(rate: float) -> int | None:
        return number_to_see(gain * (2 * rate - 1), error, 1) if accuracy.low > 0.5 else None

    return {"gain": gain, "num_comparisons": number(accuracy.value), "num_comparisons_at_low": number(accuracy.low)}
