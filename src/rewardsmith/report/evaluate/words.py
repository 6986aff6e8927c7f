"""What an evaluation says, in sentences: for the report and for a terminal."""

from __future__ import annotations

from math import sqrt
from typing import Literal

from rewardsmith.contracts.metrics.evaluate import Calibration, EvaluateMetrics, ModelComparison, RewardNumbers
from rewardsmith.report.numbers import count, decimal, decimal_range, pairs, percent, percent_with_range

COIN = 0.5
MEASURES: dict[Literal["accuracy_ties_half", "nll", "nll_at_temperature", "brier"], str] = {
    "accuracy_ties_half": "accuracy (ties half)",
    "nll": "negative log-likelihood",
    "nll_at_temperature": "negative log-likelihood, each at its own temperature",
    "brier": "Brier score",
}
"""Measures of two models, by name in `metrics.json`."""


def verdict(metrics: EvaluateMetrics) -> str:
    """What the evaluation says, in two or three sentences."""
    sentences = [in_sample(metrics["reward_model"])] if metrics["in_sample"] else []
    sentences.append(coin_finding(metrics))
    if metrics["eval_accuracy"] is None:
        return " ".join(sentences)
    length = metrics["eval_length_accuracy"]
    if length is not None:
        ends = (metrics["eval_length_accuracy_ci_low"], metrics["eval_length_accuracy_ci_high"])
        sentences.append(f"Preferring the longer response would agree with {percent_with_range(length, *ends)}.")
    sentences.append(f"{calibration_finding(metrics)}.")
    if comparison := metrics.get("comparison"):
        sentences.append(f"{comparison_finding(comparison)}.")
        if comparison["in_sample"]:
            sentences.append(in_sample(comparison["reward_model"]))
    return " ".join(sentences)


def coin_finding(metrics: RewardNumbers) -> str:
    """The sentence that matters: whether the rewards tell the preferred response from the other at all."""
    accuracy, low, high = (metrics["eval_accuracy"], metrics["eval_accuracy_ci_low"], metrics["eval_accuracy_ci_high"])
    if accuracy is None:
        return "Every pair has equal rewards, or labels that decide nothing: there is no accuracy to speak of."
    if low is None or high is None:
        few = pairs(metrics["eval_num_pairs"])
        return f"Too few prompts to tell it from a coin: accuracy {decimal(accuracy, 3)} on {few}."
    words = "Better than" if low > COIN else "Worse than" if high < COIN else "No better than"
    return f"{words} a coin: accuracy {decimal(accuracy, 3)} ({decimal_range(low, high)})."


def in_sample(model: str) -> str:
    """What is to be said of a model on its own training pairs."""
    return f"In-sample: {model} was trained on this set, so its numbers here say nothing of other pairs."


def chance_factor(num_bins: int) -> float:
    """Up to so many times that of chance, a calibration error is none: independent labels exceed it in 3 to 4 %."""
    return 1 + 1.5 / sqrt(num_bins)


def calibration_finding(metrics: Calibration) -> str:
    """Whether the rewards promise too much, in words."""
    rows = metrics["reliability"]["as_they_are"] or []
    error, chance = metrics["eval_ece"], metrics["eval_ece_by_chance"]
    if not rows or error is None or chance is None:
        return "Promised and found agreement with the labels"
    number = sum(row["count"] for row in rows)
    promised = sum(row["confidence"] * row["count"] for row in rows) / number
    found = sum(row["agreement"] * row["count"] for row in rows) / number
    if error <= chance_factor(len(rows)) * chance:
        return f"The probabilities are as true as {count(number)} pairs can tell"
    if abs(promised - found) < error / 2:
        return f"The probabilities are off by {decimal(100 * error, 1)} points, some too high and some too low"
    words = "Too sure" if promised > found else "Not sure enough"
    return f"{words}: the rewards promise {percent(promised)} agreement, and {percent(found)} of the labels agree"


def comparison_finding(comparison: ModelComparison) -> str:
    """Which of two models agrees with more labels, in words."""
    entry = comparison["accuracy_ties_half"]
    difference = entry["difference"]
    if difference is None:
        return "No label decides between the two models"
    ends = (entry["difference_low"], entry["difference_high"])
    points = [decimal(100 * number, 1) for number in (difference, *ends) if number is not None]
    interval = f" ({points[1]} to {points[2]})" if len(points) == 3 else ""
    if not entry["is_clear"]:
        return f"These pairs do not tell this model from the other: {points[0]} points of accuracy{interval}"
    better = "more" if difference > 0 else "fewer"
    return f"This model agrees with {better} labels than the other: {points[0]} points of accuracy{interval}"


def measured(metrics: EvaluateMetrics) -> list[tuple[str, str]]:
    """How it was measured, as term and words."""
    m = metrics
    left_out = (
        (m["eval_num_label_ties"], "pairs whose label is a tie are in no accuracy"),
        (m["eval_num_ties"], "pairs of equal rewards are in the accuracy with half credit only"),
        (m["eval_num_without_weight"], "pairs of weight 0 were left out"),
        (m["num_quarantined"], "rows could not be used: see quarantine.jsonl"),
        (m["num_conversations_cut"], "conversations were longer than the model reads and were truncated"),
        *((count, f"rows have text in {name}, which was not read") for name, count in m["columns_not_read"].items()),
    )
    return [
        ("Model", m["reward_model"]),
        ("Set", m["dataset"]),
        *((("Compared with", comparison["reward_model"]),) if (comparison := m.get("comparison")) else ()),
        (
            "Rewards",
            f"mean gap {decimal(m['eval_gap_mean'])}, spread of gaps {decimal(m['eval_gap_std'])} logits",
        ),
        ("Left out", "; ".join(f"{count(number)} {words}" for number, words in left_out if number) or "nothing"),
        ("Intervals", "95%, resampling prompts, since pairs of one prompt are not independent"),
    ]
