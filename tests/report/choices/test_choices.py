"""What the rewards would choose, in words, rows and a figure."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.contracts.metrics.evaluate import ComparedSamples, SampleNumbers
from rewardsmith.metrics.best_of_n import kl_bound
from rewardsmith.report.choices.figure import best_of_n_figure
from rewardsmith.report.choices.section import measure_row
from rewardsmith.report.choices.words import best_rows, sample_finding, sample_sentences

NONE: Any = {"value": None, "low": None, "high": None}


def numbers(golds: list[float] | None, gain: Any = NONE, num: int = 6) -> SampleNumbers:
    best: Any = [
        {
            "n": n,
            "kl_bound": kl_bound(n),
            "length": 100.0 + 10 * n,
            "gold": {"value": golds[n - 1], "low": golds[n - 1] - 0.1, "high": golds[n - 1] + 0.1} if golds else NONE,
            "gold_possible": 0.9 if golds else None,
        }
        for n in range(1, num + 1)
    ]
    known = bool(golds)
    return {
        "num_prompts": 40,
        "num_responses": 240,
        "num_conversations_cut": 0,
        "spread": {"value": 0.8, "low": 0.7, "high": 0.9},
        "spread_share": 0.5,
        "num_gold_prompts": 40 * known,
        "num_gold_pairs": 600 * known,
        "gold_accuracy": {"value": 0.6, "low": 0.55, "high": 0.65} if known else NONE,
        "gold_rank_correlation": {"value": 0.3, "low": 0.2, "high": 0.4} if known else NONE,
        "gold_gain": gain,
        "best_of_n": best,
    }


RISING = [0.3, 0.4, 0.45, 0.5, 0.5, 0.5]


def other_model() -> ComparedSamples:
    accuracy = {"first": 0.6, "second": 0.55, "difference": 0.05, "difference_low": 0.01, "difference_high": 0.09}
    gold = {"first": 0.5, "second": 0.48, "difference": 0.02, "difference_low": -0.01, "difference_high": 0.05}
    differences: Any = {
        "gold_accuracy": accuracy | {"is_clear": True, "num_rows": 600},
        "best_gold": gold | {"is_clear": False, "num_rows": 40},
    }
    return {**numbers([0.3, 0.38, 0.4, 0.45, 0.47, 0.48]), "differences": differences}


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.3, "The rewards choose better than at random: gold is 0.30 for any response, 0.50 for the best of 6"),
        (-0.3, -0.1, "The rewards choose worse than at random"),
        (-0.1, 0.3, "These responses do not show that the rewards choose better than at random"),
        (None, None, "These responses do not show that the rewards choose better than at random"),
    ],
)
def test_the_finding_goes_by_the_interval_of_the_gain(low: float | None, high: float | None, words: str) -> None:
    assert sample_finding(numbers(RISING, {"value": 0.2, "low": low, "high": high})).startswith(words)


def test_without_gold_length_is_what_is_known() -> None:
    found = numbers(None)
    assert sample_finding(found) == (
        "The best of 6 by the rewards is 1.45 times as long as any response (160 and 110 characters)"
    )
    assert [*sample_sentences(found, None)] == [
        "Within a prompt the rewards vary by 50% of what they vary by over all responses."
    ]
    assert best_of_n_figure(found) is None
    row = measure_row("this model", found)
    assert (row.accuracy, row.correlation, row.gain, row.spread) == ("–", "–", "–", "0.80 (0.70 to 0.90)")


def test_sentences_and_rows_beside_another_model() -> None:
    found = numbers(RISING, {"value": 0.2, "low": 0.1, "high": 0.3})
    said = " ".join(sample_sentences(found, other_model()))
    assert "Of 600 pairs of responses to one prompt the rewards order 60% (55 to 65%) as gold does" in said
    assert (
        "accuracy +5.0 points (+1.0 to +9.0), gold of the best of 6 +0.020 (\N{MINUS SIGN}0.010 to +0.050), not clear."
        in said
    )
    rows = best_rows(found, other_model())
    assert [row.n for row in rows] == ["1", "2", "4", "6"]
    assert rows[-1].gold == "0.500 (0.400 to 0.600)" and rows[-1].other == "0.480"


def test_the_figure_has_a_line_for_each_model_and_for_gold() -> None:
    found = numbers(RISING, {"value": 0.2, "low": 0.1, "high": 0.3})
    figure = best_of_n_figure(found)
    assert figure is not None and [entry.text for entry in figure.legend] == ["this model", "gold itself"]
    figure = best_of_n_figure(found, other_model())
    assert figure is not None and [entry.text for entry in figure.legend] == ["this model", "the other", "gold itself"]
    assert "best of 4 by the other: gold 0.450" in figure.wide


def test_the_measures_stand_with_their_intervals() -> None:
    row = measure_row("round 2", numbers(RISING, {"value": 0.2, "low": 0.1, "high": 0.3}))
    assert row.accuracy == "60% (55 to 65%)" and row.correlation == "0.30 (0.20 to 0.40)"
    assert (row.gain, row.spread, row.share) == ("0.20 (0.10 to 0.30)", "0.80 (0.70 to 0.90)", "0.50")
