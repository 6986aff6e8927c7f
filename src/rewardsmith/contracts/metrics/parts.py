"""Parts that the metrics of several verbs have."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # that of typing cannot be checked at run time before Python 3.12

Verdict = Literal["better", "worse", "unclear"]
"""Of a gain: whether its interval excludes zero."""


class IntervalNumbers(TypedDict):
    """An estimate and its interval, where they are defined."""

    value: float | None
    low: float | None
    high: float | None


class EstimateNumbers(TypedDict):
    """One that is always there; its interval may not be."""

    value: float
    low: float | None
    high: float | None


class MeasureDifference(TypedDict):
    """A measure of both models, and the first less the second."""

    first: float | None
    second: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    is_clear: bool
    """The interval excludes zero."""
    num_rows: int


class NextStep(TypedDict):
    text: str
    command: str


class Range(TypedDict):
    value: float
    low: float
    high: float
