"""What preferred responses have more of (``strength/leanings``), as an audit keeps it."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from rewardsmith.contracts.metrics.parts import IntervalNumbers

Part = Literal["all", "category", "annotator"]


class FeatureLeaning(TypedDict):
    """One feature in one part of a set: all of it, a category, an annotator. Intervals are over groups of prompts."""

    of: Part
    name: str | None
    """Of the category or annotator."""
    feature: str
    num_pairs: int
    """Decided ones of weight above 0."""
    num_groups: int
    """Of prompts, among these."""
    num_more: int
    """Pairs whose preferred response has more of it."""
    num_less: int
    difference: IntervalNumbers
    """Preferred response less the other, mean over all pairs; in the feature's unit."""
    share: IntervalNumbers
    """``num_more`` of the pairs that differ: the accuracy of "take the one with more"."""
    like_length: IntervalNumbers
    """The same share among responses of about one length."""
    judges_difference: IntervalNumbers
    """What the audit's held-out judges prefer less what they do not."""
    judges_share: IntervalNumbers
    p_value: float | None
    """Of ``share`` against a half. None: too few groups, and no test."""
    p_adjusted: float | None
    """By Benjamini & Hochberg, among all features of all parts of one kind."""
    is_clear: bool


class LeaningsOfParts(TypedDict):
    """The categories, or the annotators."""

    num_parts: int
    num_tests: int
    num_clear: int
    clear: list[FeatureLeaning]
    """The surest first; ``leanings.csv`` has all."""


class LeaningNumbers(TypedDict):
    """Of the whole set, and what is clear in its parts; each of the three is a family of tests."""

    num_tests: int
    features: list[FeatureLeaning]
    categories: LeaningsOfParts | None
    annotators: LeaningsOfParts | None
