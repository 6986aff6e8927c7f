"""What an audit says of second labels."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.artifacts.runs.metrics_file import check_metrics
from rewardsmith.contracts.metrics.second_labels import SecondNumbers
from rewardsmith.report.audit.figures.second_labels import second_figure
from rewardsmith.report.audit.words.second_labels import error_sentence, second_sentences


def interval(value: float | None, half: float = 0.05) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None}
    return {"value": value, "low": max(0.0, value - half), "high": min(1.0, value + half)}


def error(rate: float = 0.1, labels: float = 0.05, judges: float = 0.05) -> Any:
    return {"rate": interval(rate), "repeats_labels": interval(labels), "repeats_judges": interval(judges)}


def numbers(weak: float = 0.3, strong: float = 0.95, **changes: Any) -> Any:
    counts = {"dataset": "judged", "num_covered": 950, "share_covered": 0.95, "num_rows": 990, "num_unmatched": 40}
    return {
        **counts,
        "num_contradicted": 0,
        "num_quarantined": 2,
        "num_pairs": 900,
        "num_ties": 9,
        "agreement": interval(0.8),
        "agreement_decided": interval(0.81),
        "judges_agreement": interval(0.7),
        "judges_with_second": interval(0.75),
        "weakest_fifth": interval(weak),
        "strongest_fifth": interval(strong),
        "by_bin": [
            {
                "bin": number,
                "count": 45,
                "strength_mean": number - 10.0,
                "agreement": interval(weak + (strong - weak) * number / 19),
                "belief": 0.5 + number / 40,
            }
            for number in range(20)
        ],
        "error": error(),
        **changes,
    }


def test_agreement_is_said_with_whom_and_by_strength() -> None:
    said = " ".join(second_sentences(numbers()))
    assert "(judged, 95% of the pairs) agree with 80% (75 to 85%) of the labels" in said
    assert "the audit's judges with 70% (65 to 75%) of them, and with 75% (70 to 80%) of the second" in said
    assert "The stronger the preference, the more often" in said and "30% (25 to 35%) in the weakest fifth" in said
    assert "err in at most about 10%" in said


def test_agreement_that_does_not_rise_is_not_said_to() -> None:
    assert "do not agree clearly more often on strong" in " ".join(second_sentences(numbers(weak=0.8, strong=0.85)))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (error(labels=0.9), "They repeat the labels"),
        (error(judges=0.9), "They repeat the audit's judges"),
        (error(rate=0.48), "hardly better than guesses"),
        (error(rate=0.2), "at most about 20%"),
    ],
)
def test_an_error_rate_is_said_only_where_it_can_be_told(found: Any, words: str) -> None:
    assert words in error_sentence(found)


def test_below_the_highest_level_no_error_rate_is_said() -> None:
    assert "err" not in " ".join(second_sentences(numbers(error=None))).replace("preference", "")
    assert not [*second_sentences(None)]
    assert "no label of a pair" in " ".join(second_sentences(numbers(num_pairs=0)))


def test_the_figure_has_the_judges_beside_the_agreement_where_they_may_speak() -> None:
    found = numbers()
    check_metrics(found, SecondNumbers, "made up")
    figure = second_figure(found)
    assert figure is not None and len(figure.legend) == 2
    assert "group 1, mean strength −10.00: 30% (25 to 35%) of 45 pairs" in figure.wide
    assert "40 of its 990 pairs are none of this set; 2 of its rows cannot be used" in figure.caption
    silent = second_figure({**found, "by_bin": [{**row, "belief": None} for row in found["by_bin"]]})
    assert silent is not None and len(silent.legend) == 1
    assert second_figure({**found, "by_bin": found["by_bin"][:1]}) is None
