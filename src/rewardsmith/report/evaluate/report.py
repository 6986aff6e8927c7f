"""One self-contained HTML page from the numbers of an evaluation: key numbers, tables, the reliability figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rewardsmith.contracts.metrics.evaluate import EvaluateMetrics, ModelComparison, RewardNumbers, Slice
from rewardsmith.report.bar_tables import Bar, BarTable, bar_table
from rewardsmith.report.choices.section import choices, measure_row
from rewardsmith.report.evaluate.calibration_figures import reliability_figure
from rewardsmith.report.evaluate.state_figures import state_figures
from rewardsmith.report.evaluate.state_words import state_finding, state_rows
from rewardsmith.report.evaluate.view_words import coverage_words, view_finding, view_rows
from rewardsmith.report.evaluate.words import MEASURES, comparison_finding, measured, verdict
from rewardsmith.report.numbers import count, decimal, decimal_range, known, percent, percent_with_range
from rewardsmith.report.page import render_page
from rewardsmith.report.sections import KeyNumber

HIGHER_IS_BETTER = {"accuracy_ties_half"}


@dataclass(frozen=True)
class CalibrationRow:
    """Calibration of one form of the gaps, as words."""

    name: str
    temperature: str
    ece: str
    chance: str
    brier: str
    nll: str


@dataclass(frozen=True)
class ComparisonRow:
    """One measure of two models, as words."""

    name: str
    first: str
    second: str
    difference: str
    winner: str


def render_evaluate_report(metrics: EvaluateMetrics, maps: pa.Table | None = None) -> str:
    """The report as one HTML document, from ``metrics.json`` and, for pictures of the states, ``states.parquet``.

    Names of categories and models are escaped.
    """
    comparison = metrics.get("comparison")
    samples, other = metrics["samples"], comparison["samples"] if comparison else None
    views, differences = metrics["second_labels"], comparison["second_labels"] if comparison else None
    return render_page(
        "evaluate.html.j2",
        metrics=metrics,
        title=f"Evaluation of {metrics['reward_model']}",
        verdict=verdict(metrics),
        key_numbers=key_numbers(metrics),
        reliability=reliability_figure(metrics),
        calibration=calibration_rows(metrics),
        comparison=comparison_rows(comparison) if comparison else [],
        comparison_finding=comparison_finding(comparison) if comparison else "",
        by_length=length_table(metrics),
        by_category=category_table(metrics),
        states=state_rows(metrics),
        state_figures=state_figures(metrics, maps),
        state_finding=state_finding(metrics["states"]) if metrics["states"] else "",
        choices=choices("this model", samples, other) if samples else None,
        measure_rows=[
            measure_row(name, found) for name, found in (("this model", samples), ("the other", other)) if found
        ],
        views=view_rows(views, differences) if views else [],
        view_finding=view_finding(views) if views else "",
        coverage=coverage_words(views) if views else "",
        measured=measured(metrics),
    )


def key_numbers(metrics: RewardNumbers) -> list[KeyNumber]:
    m = metrics
    return [
        KeyNumber(
            "accuracy",
            decimal(m["eval_accuracy"], 3),
            decimal_range(m["eval_accuracy_ci_low"], m["eval_accuracy_ci_high"], missing=""),
        ),
        KeyNumber("pairs", count(m["eval_num_pairs"]), f"of {count(m['eval_num_prompts'])} prompts"),
        KeyNumber("calibration error", decimal(m["eval_ece"], 3), f"{decimal(m['eval_ece_by_chance'], 3)} by chance"),
        KeyNumber(
            "temperature",
            "none" if m["eval_temperature"] is None else decimal(m["eval_temperature"]),
            decimal_range(m["eval_temperature_ci_low"], m["eval_temperature_ci_high"], 2, missing=""),
        ),
        KeyNumber("negative log-likelihood", decimal(m["eval_nll"], 3), "0.693 for constant rewards"),
    ]


def calibration_rows(metrics: Mapping[str, Any]) -> list[CalibrationRow]:
    """The gaps as they are, at the temperature of this set, and at the one that the model carries."""
    rows = []
    for suffix, name, key in (
        ("", "as they are", None),
        ("_at_temperature", "divided by the temperature of other prompts", "eval_temperature"),
        ("_at_kept_temperature", "divided by the temperature that the model carries", "eval_kept_temperature"),
    ):
        numbers = [metrics.get(f"eval_{what}{suffix}") for what in ("ece", "ece_by_chance", "brier", "nll")]
        if suffix == "_at_kept_temperature" and metrics.get("kept_temperature_in_sample"):
            name += ", which was fitted on this set (in-sample)"
        if known(numbers[0]):
            temperature = "1" if key is None else decimal(metrics.get(key), 3)
            rows.append(CalibrationRow(name, temperature, *(decimal(value, 4) for value in numbers)))
    return rows


def comparison_rows(comparison: ModelComparison) -> list[ComparisonRow]:
    """Each measure of both models."""
    rows = []
    for measure, name in MEASURES.items():
        entry = comparison[measure]
        if entry["difference"] is not None:
            interval = decimal_range(entry["difference_low"], entry["difference_high"], 4, missing="")
            difference = decimal(entry["difference"], 4) + (f" ({interval})" if interval else "")
            first_wins = (entry["difference"] > 0) == (measure in HIGHER_IS_BETTER)
            winner = ("this model" if first_wins else "the other") if entry["is_clear"] else "not clear"
            rows.append(
                ComparisonRow(name, decimal(entry["first"], 4), decimal(entry["second"], 4), difference, winner)
            )
    return rows


def category_table(metrics: RewardNumbers) -> BarTable | None:
    """Accuracy by category, the largest category first, beside what the longer response alone gives."""
    entries = metrics["by_category"] or []
    longer = [
        percent_with_range(e["length_accuracy"], e["length_accuracy_ci_low"], e["length_accuracy_ci_high"])
        for e in entries
    ]
    return _accuracy_table("category", [(e["name"], e) for e in entries], longer)


def length_table(metrics: RewardNumbers) -> BarTable | None:
    """Accuracy by how much longer the preferred response is."""
    entries = metrics["by_length_difference"]
    return _accuracy_table(
        "preferred response longer by",
        [(f"{decimal(e['from'], 0)} to {decimal(e['to'], 0)} characters", e) for e in entries],
    )


def _accuracy_table(what: str, entries: Sequence[tuple[str, Slice]], longer: Sequence[str] = ()) -> BarTable | None:
    bars = [
        Bar(
            name=name,
            cells=(count(e["count"]), count(e["num_ties"]), decimal(e["gap_mean"]), *longer[index : index + 1]),
            value=e["accuracy"] or 0.0,
            low=e["accuracy_ci_low"],
            high=e["accuracy_ci_high"],
            text=percent(e["accuracy"]),
        )
        for index, (name, e) in enumerate(entries)
    ]
    heads = (what, "pairs", "tied rewards", "mean gap", *["longer wins"] * bool(longer))
    return bar_table(heads, "accuracy", bars)
