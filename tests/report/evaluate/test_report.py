from __future__ import annotations

import copy
import json
import math
from html.parser import HTMLParser

import numpy as np
import pytest

from rewardsmith.artifacts.runs.metrics_file import check_metrics
from rewardsmith.contracts.metrics.evaluate import EvaluateMetrics
from rewardsmith.report.evaluate.calibration_figures import reliability_figure
from rewardsmith.report.evaluate.report import comparison_rows, render_evaluate_report
from rewardsmith.report.evaluate.words import calibration_finding, chance_factor, comparison_finding, verdict

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


class Outline(HTMLParser):
    """Elements and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.words += data


def bins(*rows):
    """A reliability table of (confidence, agreement, count)."""
    return [
        {
            "low": sure,
            "high": sure,
            "count": number,
            "confidence": sure,
            "agreement": found,
            "agreement_ci_low": found - 0.05,
            "agreement_ci_high": found + 0.05,
        }
        for sure, found, number in rows
    ]


BY_LENGTH = {"length_accuracy": 0.25, "length_accuracy_ci_low": 0.2, "length_accuracy_ci_high": 0.3}


def sliced(name):
    return {
        "name": name,
        "count": 50,
        "accuracy": 0.6,
        "accuracy_ci_low": 0.5,
        "accuracy_ci_high": 0.7,
        "accuracy_ties_half": 0.6,
        "num_ties": 1,
        "num_label_ties": 0,
        "gap_mean": 0.4,
    }


def without_name(entry):
    return {key: value for key, value in entry.items() if key != "name"}


def measure(first, second, half_width):
    difference = first - second
    return {
        "first": first,
        "second": second,
        "difference": difference,
        "difference_low": difference - half_width,
        "difference_high": difference + half_width,
        "is_clear": abs(difference) > half_width,
        "num_rows": 100,
    }


@pytest.fixture
def metrics():
    numbers = ("ece", "ece_by_chance", "brier", "nll", "ece_equal_width")
    return {
        "eval_accuracy": 0.72,
        "eval_accuracy_ci_low": 0.7,
        "eval_accuracy_ci_high": 0.745,
        **dict.fromkeys((f"eval_accuracy_ties_half{end}" for end in ("", "_ci_low", "_ci_high")), 0.72),
        **dict.fromkeys((f"eval_{each}_reward" for each in ("mean", "min", "max")), 0.5),
        "eval_length_accuracy": 0.55,
        "eval_length_accuracy_ci_low": 0.5,
        "eval_length_accuracy_ci_high": 0.6,
        "eval_num_pairs": 1500,
        "eval_num_prompts": 375,
        "eval_num_ties": 2,
        "eval_num_label_ties": 0,
        "eval_num_without_weight": 0,
        "eval_gap_mean": 1.2,
        "eval_gap_std": 2.0,
        **dict(zip((f"eval_{name}" for name in numbers), (0.15, 0.02, 0.2, 0.63, 0.15), strict=True)),
        **dict(zip((f"eval_{name}_at_temperature" for name in numbers), (0.03, 0.02, 0.19, 0.56, 0.03), strict=True)),
        **dict.fromkeys((f"eval_{name}_at_kept_temperature" for name in numbers), None),
        "eval_temperature": 2.03,
        "eval_temperature_ci_low": 1.8,
        "eval_temperature_ci_high": 2.3,
        "eval_temperature_note": None,
        "eval_kept_temperature": None,
        "reliability": {
            "as_they_are": bins((0.6, 0.55, 750), (0.95, 0.7, 750)),
            "at_temperature": bins((0.55, 0.56, 750), (0.8, 0.79, 750)),
            "at_kept_temperature": None,
        },
        "by_category": [{**sliced("chat"), **BY_LENGTH}],
        "by_length_difference": [{**without_name(sliced("")), "from": -30, "to": 12}],
        "reward_model": "runs/rm",
        "in_sample": False,
        "kept_temperature_in_sample": False,
        "dataset": "prefs",
        "num_quarantined": 0,
        "num_conversations_cut": 0,
        "columns_not_read": {"context": 7},
        "samples": None,
        "second_labels": None,
        "states": {
            "num_pairs": 300,
            "num_dimensions": 384,
            "alignment": 0.04,
            "pair_distance": 0.3,
            "uniformity": -1.5,
            "effective_rank": 57.0,
            "first_axis_share": 0.31,
            "overlap": 0.38,
            "overlap_by_chance_low": 0.45,
            "overlap_by_chance_high": 0.55,
            "collapse": None,
            "mapped_variance": 0.42,
        },
    }


@pytest.fixture
def compared(metrics):
    measures = {"accuracy_ties_half": measure(0.72, 0.70, 0.01), "nll": measure(0.63, 0.6, 0.01)}
    measures |= {"nll_at_temperature": measure(0.56, 0.57, 0.05), "brier": measure(0.2, 0.2, 0.01)}
    counts = {"num_both_right": 900, "num_only_first_right": 85, "num_only_second_right": 58, "num_neither_right": 457}
    named = {
        "reward_model": "runs/old",
        "in_sample": False,
        "states": metrics["states"],
        "samples": None,
        "second_labels": None,
    }
    return {**metrics, "comparison": {**named, **measures, **counts}}


def test_the_made_up_evaluation_is_one_that_could_have_been_written(metrics, compared):
    for each in (metrics, compared):
        check_metrics(each, EvaluateMetrics, "")


def test_page_opens_with_the_verdict_and_holds_every_section(compared):
    outline = Outline(render_evaluate_report(compared))
    verdict_at = outline.words.index("Better than a coin: accuracy 0.720 (0.700 to 0.745).")
    assert verdict_at < outline.words.index("Against the other model")
    for words in (
        "Can its probabilities be trusted?",
        "Is it only length?",
        "\N{MINUS SIGN}30 to 12 characters",
        "chat",
        "What the head reads",
        "Better and worse responses lie apart",
    ):
        assert words in outline.words
    assert outline.tags.count("figure") == 1 and outline.tags.count("svg") == 2


def test_what_was_measured_in_sample_is_marked(compared):
    words = "was trained on this set, so its numbers here say nothing of other pairs."
    assert words not in Outline(render_evaluate_report(compared)).words
    seen = compared | {"in_sample": True, "comparison": compared["comparison"] | {"in_sample": True}}
    page = Outline(render_evaluate_report(seen)).words
    assert (
        page.count(f"In-sample: {compared['reward_model']} {words}") == page.count(f"In-sample: runs/old {words}") == 1
    )
    kept = {f"eval_{name}_at_kept_temperature": 0.1 for name in ("ece", "ece_by_chance", "brier", "nll")}
    kept |= {"eval_kept_temperature": 2.0, "kept_temperature_in_sample": True}
    assert "fitted on this set (in-sample)" in Outline(render_evaluate_report(compared | kept)).words


def test_sections_without_numbers_are_left_out(metrics):
    bare = {
        **metrics,
        "by_category": None,
        "by_length_difference": [],
        "states": None,
        "reliability": dict.fromkeys(metrics["reliability"]),
    }
    words = Outline(render_evaluate_report(bare)).words
    for heading in (
        "Against the other model",
        "Can its probabilities",
        "Is it only length?",
        "Where it is right",
        "What the",
    ):
        assert heading not in words
    unsure = {**bare, "eval_accuracy": None, "eval_accuracy_ci_low": None, "eval_accuracy_ci_high": None}
    assert Outline(render_evaluate_report(unsure)).words.count("there is no accuracy to speak of") == 1


def test_wicked_names_are_shown_and_never_become_markup(compared):
    wicked = copy.deepcopy(compared) | {"reward_model": EVIL, "dataset": EVIL, "eval_temperature_note": EVIL}
    wicked["by_category"][0]["name"] = wicked["comparison"]["reward_model"] = EVIL
    outline = Outline(render_evaluate_report(wicked))
    assert outline.tags.count("script") == 1 and "img" not in outline.tags
    assert outline.words.count(EVIL) == 7  # the title stands in the head too


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        (bins((0.6, 0.55, 50), (0.95, 0.7, 50)), 0.15, "Too sure: the rewards promise 78% agreement, and 62%"),
        (bins((0.6, 0.75, 50), (0.7, 0.9, 50)), 0.175, "Not sure enough: the rewards promise 65% agreement, and 82%"),
        (bins((0.6, 0.75, 50), (0.9, 0.75, 50)), 0.15, "off by 15.0 points, some too high and some too low"),
        (bins((0.6, 0.62, 50), (0.9, 0.88, 50)), 0.02, "as true as 100 pairs can tell"),
    ],
)
def test_the_figure_is_titled_by_its_finding(metrics, rows, error, words):
    found = {**metrics, "eval_ece": error, "reliability": {"as_they_are": rows, "at_temperature": None}}
    assert words in calibration_finding(found)
    figure = reliability_figure(found)
    assert words in figure.title and len(figure.legend) == 1


@pytest.mark.parametrize("num_bins", [1, 3, 10, 20])
def test_chance_passes_for_an_error_equally_seldom_whatever_the_number_of_bins(num_bins):
    """By half-normal errors of the bins, whose mean is sqrt(2 / pi)."""
    errors = np.abs(np.random.default_rng(0).normal(size=(10_000, num_bins))).mean(axis=1)
    assert 0.025 < (errors > chance_factor(num_bins) * math.sqrt(2 / math.pi)).mean() < 0.05


def test_a_bin_without_interval_is_drawn_without_one(metrics):
    for row in metrics["reliability"]["as_they_are"]:
        row |= {"agreement_ci_low": None, "agreement_ci_high": None}
    assert "promised 95%, found 70%" in str(reliability_figure(metrics).wide)


def test_the_better_model_is_named_by_the_direction_of_each_measure(compared):
    winners = {row.name: row.winner for row in comparison_rows(compared["comparison"])}
    assert winners["accuracy (ties half)"] == "this model" and winners["negative log-likelihood"] == "the other"
    assert winners["Brier score"] == "not clear"


def test_a_difference_within_chance_is_not_called_one(compared):
    found = compared["comparison"]
    assert comparison_finding(found).startswith("This model agrees with more labels than the other: 2.0 points")
    found["accuracy_ties_half"] = measure(0.70, 0.71, 0.05)
    assert comparison_finding(found).startswith("These pairs do not tell this model from the other: \N{MINUS SIGN}1.0")
    assert comparison_finding(found) in verdict(compared)


def test_numbers_read_back_from_json_give_the_same_page(compared):
    assert render_evaluate_report(json.loads(json.dumps(compared))) == render_evaluate_report(compared)
