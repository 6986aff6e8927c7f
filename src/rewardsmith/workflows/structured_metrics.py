"""What the structured audit found, as it stands in ``metrics.json``, in the verdict and in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from rewardsmith.strength.cell_noise import CellNoise
from rewardsmith.strength.pair_structure import clusters_of

SURE = 0.95
LEAST_DIFFERENCE = 0.05
"""Of the two rates of the whole set; smaller ones are not worth a sentence."""
LEAST_SPREAD = 0.1
"""Of the shares of wrong labels in categories of ``MIN_CATEGORY_PAIRS`` or more."""
MIN_CATEGORY_PAIRS = 50


def structured_metrics(pairs: pa.Table, found: CellNoise | None, max_named: int) -> dict[str, Any] | None:
    """JSON-ready; at most ``max_named`` categories, the largest first. None where nothing was found."""
    if found is None:
        return None
    part: dict[str, Any] = {
        "expected_share": float(np.nanmean(found.p_wrong)),
        "longer_rate": found.longer_rate,
        "shorter_rate": found.shorter_rate,
        "p_rates_differ": found.p_rates_differ,
        "categories": _categories(pairs, found, max_named),
    }
    return {**part, "sentence": structured_sentence(part)}


def structured_sentence(found: Mapping[str, Any]) -> str | None:
    """Where errors gather, and what else would look the same; None where they fall on all pairs alike, or nearly so."""
    return " ".join(words for words in (_by_length(found), _by_category(found)) if words) or None


def _by_length(found: Mapping[str, Any]) -> str:
    longer, shorter = found["longer_rate"], found["shorter_rate"]
    if found["p_rates_differ"] < SURE or abs(longer - shorter) < LEAST_DIFFERENCE:
        return ""
    favoured, other, taste = ("longer", "shorter", "length") if longer > shorter else ("shorter", "longer", "brevity")
    return (
        f"Labels lean towards the {favoured} response: where it is the worse one they prefer it in about "
        f"{max(longer, shorter):.0%} of the pairs, and the {other} one, where that is worse, in "
        f"{min(longer, shorter):.0%}; a true preference for {taste} at equal quality would look the same."
    )


def _by_category(found: Mapping[str, Any]) -> str:
    """Without names, which a report may have to leave out."""
    shares = [row["share_wrong"] for row in found["categories"] or [] if row["count"] >= MIN_CATEGORY_PAIRS]
    if not shares or max(shares) - min(shares) < LEAST_SPREAD:
        return ""
    return (
        f"Wrong labels gather in categories: from {min(shares):.0%} to {max(shares):.0%} of the labels of one; a "
        "category that truly asks for the opposite would look the same."
    )


def _categories(pairs: pa.Table, found: CellNoise, max_named: int) -> list[dict[str, Any]] | None:
    clusters = clusters_of(pairs)
    if clusters.categories is None:
        return None
    judged = ~np.isnan(found.p_wrong)
    codes, number = clusters.codes[judged], len(clusters.categories)
    counts, wrong = np.bincount(codes, minlength=number), np.bincount(codes, found.p_wrong[judged], number)
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "count": int(count),
            "share_wrong": float(total / count),
            "longer_rate": float(rates[0]),
            "shorter_rate": float(rates[1]),
        }
        for name, count, total, rates in zip(clusters.categories, counts, wrong, found.cluster_rates, strict=True)
        if name and count
    ]
    return sorted(rows, key=lambda row: -row["count"])[:max_named] or None
