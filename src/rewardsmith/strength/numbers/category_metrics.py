"""What an audit found by category: doubtful labels, and errors that gather there."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.audit import Category, StructuredCategory, StructuredNumbers
from rewardsmith.metrics.accuracy import pair_credit
from rewardsmith.strength.audited import Audited
from rewardsmith.strength.label_noise.cell_noise import CellNoise
from rewardsmith.strength.pair_structure import clusters_of

MAX_CATEGORIES = 200  # by name, the largest; a long tail stays in the tables
SURE = 0.95
LEAST_DIFFERENCE = 0.05
"""Of the two rates of the whole set; smaller ones are not worth a sentence."""
LEAST_SPREAD = 0.1
"""Of the shares of wrong labels in categories of ``MIN_CATEGORY_PAIRS`` or more."""
MIN_CATEGORY_PAIRS = 50


def category_metrics(pairs: pa.Table, audited: Audited, decided: NDArray[np.bool_]) -> list[Category] | None:
    """Of the pairs that count (``decided`` [N]), largest category first; None for a set without categories."""
    if pairs["category"].null_count == len(pairs):
        return None
    coded = pairs["category"].combine_chunks().dictionary_encode()
    names, codes = coded.dictionary.to_pylist(), coded.indices.fill_null(len(coded.dictionary)).to_numpy()
    counts = np.bincount(codes[decided], minlength=len(names) + 1)[: len(names)]
    credit, gap = pair_credit(np.nan_to_num(audited.gap)), audited.gap
    rows: list[Category] = []
    for code in np.argsort(-counts, kind="stable")[:MAX_CATEGORIES]:
        own = decided & (codes == code)
        if own.any():
            rows.append(
                {
                    "name": names[code],
                    "count": int(counts[code]),
                    "accuracy": float(credit[own].mean()),
                    "share_doubtful": float((audited.p_wrong[own] > 0.5).mean()),
                    "strength_mean": float(gap[own].mean()),
                }
            )
    return rows or None


def structured_metrics(pairs: pa.Table, found: CellNoise | None) -> StructuredNumbers | None:
    """What the structured audit found, JSON-ready; None where it found nothing."""
    if found is None:
        return None
    categories = _error_rates(pairs, found)
    return {
        "expected_share": float(np.nanmean(found.p_wrong)),
        "longer_rate": found.longer_rate,
        "shorter_rate": found.shorter_rate,
        "p_rates_differ": found.p_rates_differ,
        "leans_to": _leans_to(found),
        "gathers": _gathers(categories),
        "categories": categories,
    }


def _leans_to(found: CellNoise) -> Literal["longer", "shorter"] | None:
    if found.p_rates_differ < SURE or abs(found.longer_rate - found.shorter_rate) < LEAST_DIFFERENCE:
        return None
    return "longer" if found.longer_rate > found.shorter_rate else "shorter"


def _gathers(categories: list[StructuredCategory] | None) -> bool:
    shares = [row["share_wrong"] for row in categories or [] if row["count"] >= MIN_CATEGORY_PAIRS]
    return bool(shares) and max(shares) - min(shares) >= LEAST_SPREAD


def _error_rates(pairs: pa.Table, found: CellNoise) -> list[StructuredCategory] | None:
    clusters = clusters_of(pairs)
    if clusters.categories is None:
        return None
    judged = ~np.isnan(found.p_wrong)
    codes, number = clusters.codes[judged], len(clusters.categories)
    counts, wrong = np.bincount(codes, minlength=number), np.bincount(codes, found.p_wrong[judged], number)
    rows: list[StructuredCategory] = [
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
    return sorted(rows, key=lambda row: -row["count"])[:MAX_CATEGORIES] or None
