"""What an evaluation says, in sentences: for the report and for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rewardsmith.report.numbers import MISSING, count, decimal, known, part, percent, percent_range

CHANCE_FACTOR = 1.5
"""A calibration error up to this many times that of chance is not called an error: ten bins of independent labels
exceed it in about 3 % of sets."""
MEASURES = {
    "accuracy_ties_half": "accuracy (ties half)",
    "nll": "negative log-likelihood",
    "nll_at_temperature": "negative log-likelihood, each at its own temperature",
    "brier": "Brier score",
}
"""Measures of two models, by name in `metrics.json`."""


def verdict(metrics: Mapping[str, Any]) -> str:
    """What the evaluation says, in two or three sentences."""
    ends = (metrics.get("eval_accuracy_ci_low"), metrics.get("eval_accuracy_ci_high"))
    if not known(metrics.get("eval_accuracy")):
        return "Every pair has equal rewards, or labels that decide nothing: there is no accuracy to speak of."
    interval = f" (95% interval {percent_range(*ends)})" if known(ends[0]) else ""
    sentences = [f"The rewards agree with {percent(metrics['eval_accuracy'])} of the labels{interval}."]
    length = metrics.get("eval_length_accuracy")
    if known(length):
        sentences.append(f"Preferring the longer response would agree with {percent(length)}.")
    sentences.append(f"{calibration_finding(metrics)}.")
    if metrics.get("comparison"):
        sentences.append(f"{comparison_finding(metrics['comparison'])}.")
    return " ".join(sentences)


def calibration_finding(metrics: Mapping[str, Any]) -> str:
    """Whether the rewards promise too much, in words."""
    rows = part(metrics, "reliability", "as_they_are") or []
    error, chance = metrics.get("eval_ece"), metrics.get("eval_ece_by_chance")
    if not rows or error is None or chance is None:
        return "Promised and found agreement with the labels"
    number = sum(row["count"] for row in rows)
    promised, found = (sum(row[name] * row["count"] for row in rows) / number for name in ("confidence", "agreement"))
    if error <= CHANCE_FACTOR * chance:
        return f"The probabilities are as true as {count(number)} pairs can tell"
    if abs(promised - found) < error / 2:
        return f"The probabilities are off by {decimal(100 * error, 1)} points, some too high and some too low"
    words = "Too sure" if promised > found else "Not sure enough"
    return f"{words}: the rewards promise {percent(promised)} agreement, and {percent(found)} of the labels agree"


def comparison_finding(comparison: Mapping[str, Any]) -> str:
    """Which of two models agrees with more labels, in words."""
    entry = comparison["accuracy_ties_half"]
    if not known(entry.get("difference")):
        return "No label decides between the two models"
    points = [
        decimal(100 * entry[name], 1)
        for name in ("difference", "difference_low", "difference_high")
        if known(entry[name])
    ]
    interval = f" ({points[1]} to {points[2]})" if len(points) == 3 else ""
    if not entry["is_clear"]:
        return f"These pairs do not tell this model from the other: {points[0]} points of accuracy{interval}"
    better = "more" if entry["difference"] > 0 else "fewer"
    return f"This model agrees with {better} labels than the other: {points[0]} points of accuracy{interval}"


def measured(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How it was measured, as term and words."""
    m = metrics
    left_out = (
        ("eval_num_label_ties", "pairs whose label is a tie are in no accuracy"),
        ("eval_num_ties", "pairs of equal rewards are in the accuracy with half credit only"),
        ("eval_num_without_weight", "pairs of weight 0 were left out"),
        ("num_quarantined", "rows could not be used: see quarantine.jsonl"),
        ("num_conversations_cut", "conversations were longer than the model reads and were truncated"),
    )
    return [
        ("Model", str(m.get("reward_model") or MISSING)),
        ("Set", str(m.get("dataset") or MISSING)),
        *((("Compared with", str(m["comparison"]["reward_model"])),) if m.get("comparison") else ()),
        (
            "Rewards",
            f"mean gap {decimal(m.get('eval_gap_mean'))}, spread of gaps {decimal(m.get('eval_gap_std'))} logits",
        ),
        ("Left out", "; ".join(f"{count(m[name])} {words}" for name, words in left_out if m.get(name)) or "nothing"),
        ("Intervals", "95%, resampling prompts, since pairs of one prompt are not independent"),
    ]
