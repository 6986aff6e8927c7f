"""What preferred responses have more of, in a sentence: only what is clear among all features tested together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rewardsmith.contracts.metrics.leanings import FeatureLeaning, LeaningNumbers
from rewardsmith.report.numbers import count, range_words, rounded_percent
from rewardsmith.strength.leanings.features import FEATURES, LENGTHS

MOST_NAMED = 3

_SHARES = {feature.name for feature in FEATURES if feature.unit == "share"}


def leaning_sentence(found: LeaningNumbers | None) -> str:
    """What goes with being preferred, and whether it does at one length too; nothing where nothing is clear."""
    named = [more_or_less(row) for row in named_leanings(found["features"])] if found else []
    if not named:
        return ""
    return f"Being preferred goes with {_joined(named)}: an association, not a cause."


def part_sentences(found: LeaningNumbers | None) -> Iterator[str]:
    """How much is clear by category and by annotator, where anything is."""
    parts = (("category", found["categories"]), ("annotator", found["annotators"])) if found else ()
    for of, own in parts:
        if own and own["num_clear"]:
            clear, tests = count(own["num_clear"]), count(own["num_tests"])
            yield f"By {of}, {clear} of {tests} leanings of single features are clear."


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


def _joined(words: Sequence[str]) -> str:
    """With semicolons, since each has commas in it."""
    return " and ".join(words) if len(words) < 3 else f"{'; '.join(words[:-1])}; and {words[-1]}"


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share
