"""How far the counts of a small audit would move, as it stands in ``metrics.json``."""

from __future__ import annotations

from typing_extensions import TypedDict


class CountRange(TypedDict):
    low: int
    high: int


class ShareRange(TypedDict):
    low: float
    high: float


class StabilityNumbers(TypedDict):
    """Where the counts of a small set lie in resamples of it: 5th to 95th percentile, drawn out to the count."""

    num_resamples: int
    refitted: bool
    """The judges learned each resample anew; else they keep their gaps."""
    flagged: CountRange
    """Pairs with a ``p_wrong`` over 0.5."""
    ambiguous: CountRange
    strong: CountRange
    share: ShareRange
    """Of wrong labels."""
