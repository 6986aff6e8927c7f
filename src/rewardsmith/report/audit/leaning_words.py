"""What preferred responses have more of, in a sentence: only what is clear among all features tested together."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsmith.contracts.metrics.leanings import FeatureLeaning, LeaningNumbers
from rewardsmith.report.numbers import range_words, rounded_percent
from rewardsmith.strength.leanings.features import FEATURES, LENGTHS

MOST_NAMED = 3

_SHARES = {feature.name for feature in FEATURES if feature.unit == "share"}


def leaning_sentence(found: LeaningNumbers | None) -> str:
    """What goes with being preferred, and whether it does at one length too; nothing where nothing is clear."""
    named = [more_or_less(row) for row in named_leanings(found["features"])] if found else []
    if not named:
        return ""
    several = f"{'; '.join(named[:-1])}; and {named[-1]}" if len(named) > 1 else named[0]
    return f"Being preferred goes with {several}: an association, not a cause."


def named_leanings(rows: Sequence[FeatureLeaning]) -> list[FeatureLeaning]:
    """The clear ones that tell most labels, length once."""
    clear = sorted((row for row in rows if row["is_clear"]), key=lambda row: -abs(row["num_more"] - row["num_less"]))
    lengths = [row for row in clear if row["feature"] in LENGTHS]
    return [row for row in clear if row not in lengths[1:]][:MOST_NAMED]


def more_or_less(row: FeatureLeaning) -> str:
    """``fewer questions (58% of the pairs that differ, 55 to 61%; at one length too)``."""
    share = row["share"]
    assert share["value"] is not None  # it is clear
    which = "more"
    if share["value"] < 0.5:
        which = "less" if row["feature"] in _SHARES else "fewer"
        share = {"value": 1 - share["value"], "low": _rest(share["high"]), "high": _rest(share["low"])}
    words = f"{rounded_percent(share['value'])} of the pairs that differ, {range_words(share['low'], share['high'])}"
    if row["feature"] not in LENGTHS:
        words += "; at one length too" if holds_at_like_length(row) else "; not clearly at one length"
    return f"{which} {row['feature']} ({words})"


def holds_at_like_length(row: FeatureLeaning) -> bool:
    """Whether the interval among responses of about one length lies on the side where the share is."""
    share, low, high = row["share"]["value"], row["like_length"]["low"], row["like_length"]["high"]
    if share is None or low is None or high is None:
        return False
    return low > 0.5 if share > 0.5 else high < 0.5


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share
