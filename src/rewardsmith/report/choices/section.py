"""The parts of the section, for the macros of ``choices.html.j2``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardsmith.contracts.metrics.evaluate import ComparedSamples, SampleNumbers
from rewardsmith.contracts.metrics.parts import IntervalNumbers
from rewardsmith.report.choices.figure import best_of_n_figure
from rewardsmith.report.choices.words import BestRow, best_rows, sample_finding, sample_sentences
from rewardsmith.report.numbers import MISSING, decimal, decimal_range, percent_with_range
from rewardsmith.report.svg import Figure


@dataclass(frozen=True)
class MeasureRow:
    """The measures of one reward model as words, with 95 % intervals over prompts."""

    name: str
    accuracy: str
    correlation: str
    gain: str
    spread: str
    share: str


@dataclass(frozen=True)
class Choices:
    """What one reward model would choose."""

    name: str
    finding: str
    """Empty where the figure says it."""
    sentences: Sequence[str]
    figure: Figure | None
    rows: Sequence[BestRow]
    has_other: bool
    num_responses: int
    num_prompts: int


def choices(
    name: str, numbers: SampleNumbers, other: ComparedSamples | None = None, figure_name: str = "best-of-n"
) -> Choices:
    figure = best_of_n_figure(numbers, other, figure_name)
    return Choices(
        name=name,
        finding="" if figure else f"{sample_finding(numbers)}.",
        sentences=[*sample_sentences(numbers, other)],
        figure=figure,
        rows=best_rows(numbers, other),
        has_other=other is not None,
        num_responses=numbers["num_responses"],
        num_prompts=numbers["num_prompts"],
    )


def measure_row(name: str, numbers: SampleNumbers) -> MeasureRow:
    accuracy = numbers["gold_accuracy"]
    share = numbers["spread_share"]
    return MeasureRow(
        name=name,
        accuracy=percent_with_range(accuracy["value"], accuracy["low"], accuracy["high"]),
        correlation=_with_ends(numbers["gold_rank_correlation"]),
        gain=_with_ends(numbers["gold_gain"]),
        spread=_with_ends(numbers["spread"]),
        share=MISSING if share is None else decimal(share),
    )


def _with_ends(interval: IntervalNumbers) -> str:
    ends = decimal_range(interval["low"], interval["high"], 2, missing="")
    return decimal(interval["value"]) + (f" ({ends})" if ends else "")
