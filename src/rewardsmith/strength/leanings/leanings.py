"""Which way labels and judges lean by each feature, in a whole set and in its parts.

An association: that preferred responses have more of something does not say that they are preferred for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.leanings import FeatureLeaning, LeaningNumbers, LeaningsOfParts, Part
from rewardsmith.metrics.intervals import LEVEL
from rewardsmith.metrics.leaning import adjusted, leaning
from rewardsmith.strength.leanings.features import CHARACTERS, FEATURES, response_features

Floats = NDArray[np.float64]

LIKE_LENGTH = 1.2
"""Responses are of about one length where the longer one has at most so many times the characters of the other."""
MAX_PARTS = 200
"""The largest categories and annotators."""
MAX_CLEAR = 100
"""Leanings of parts that ``metrics.json`` keeps."""


@dataclass(frozen=True)
class _Choices:
    """N pairs whose label decides."""

    difference: Floats
    """[N, F]: features of the preferred response less those of the other."""
    judges: Floats
    """[N]: 1 where they prefer the same one, -1 where the other; NaN where they say nothing."""
    is_like_length: NDArray[np.bool_]
    groups: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_]) -> _Choices:
        return _Choices(self.difference[rows], self.judges[rows], self.is_like_length[rows], self.groups[rows])


def leanings_of(pairs: pa.Table, gap: Floats | None = None) -> list[FeatureLeaning]:
    """Of each feature in the whole set, then by category and by annotator where there are two or more.

    ``gap`` [N] is that of held-out judges, in the direction of the labels. Ties and pairs of weight 0 have no part.
    """
    target = pairs["target"].to_numpy()
    decided = (target != 0.5) & (pairs["weight"].to_numpy() > 0)
    chosen, rejected = response_features(pairs)
    lengths = (chosen[:, CHARACTERS], rejected[:, CHARACTERS])
    judges = np.full(len(pairs), np.nan) if gap is None else np.sign(gap)
    choices = _Choices(
        (chosen - rejected) * np.where(target < 0.5, -1.0, 1.0)[:, None],
        np.where(judges == 0, np.nan, judges),
        np.maximum(*lengths) <= LIKE_LENGTH * np.minimum(*lengths),
        _codes(pairs["split_group"])[1],
    ).take(decided)
    found = _tested(_features(choices, "all", None))
    columns: tuple[tuple[Part, pa.ChunkedArray], ...] = (
        ("category", pairs["category"]),
        ("annotator", pairs["annotator_id"]),
    )
    for part, column in columns:
        found += _tested(
            [row for name, own in _parts(column, decided) for row in _features(choices.take(own), part, name)]
        )
    return found


def leaning_numbers(rows: list[FeatureLeaning]) -> LeaningNumbers:
    """What ``metrics.json`` keeps of them."""
    parts = [_in_short([row for row in rows if row["of"] == part]) for part in ("category", "annotator")]
    features = [row for row in rows if row["of"] == "all"]
    return {"num_tests": _num_tests(features), "features": features, "categories": parts[0], "annotators": parts[1]}


def _features(choices: _Choices, of: Part, name: str | None) -> list[FeatureLeaning]:
    judged = ~np.isnan(choices.judges)
    like, num_groups = choices.is_like_length, len(np.unique(choices.groups))
    found: list[FeatureLeaning] = []
    for place, feature in enumerate(FEATURES):
        values = choices.difference[:, place]
        labels = leaning(values, choices.groups)
        alike = leaning(values[like], choices.groups[like])
        judges = leaning(values[judged] * choices.judges[judged], choices.groups[judged])
        found.append(
            {
                "of": of,
                "name": name,
                "feature": feature.name,
                "num_pairs": len(values),
                "num_groups": num_groups,
                "num_more": labels.num_more,
                "num_less": labels.num_less,
                "difference": labels.difference.as_dict(),
                "share": labels.share.as_dict(),
                "like_length": alike.share.as_dict(),
                "judges_difference": judges.difference.as_dict(),
                "judges_share": judges.share.as_dict(),
                "p_value": labels.p_value if isfinite(labels.p_value) else None,
                "p_adjusted": None,
                "is_clear": False,
            }
        )
    return found


def _tested(family: list[FeatureLeaning]) -> list[FeatureLeaning]:
    """The same, all tested together."""
    together = adjusted([nan if row["p_value"] is None else row["p_value"] for row in family])
    return [
        {**row, "p_adjusted": p if isfinite(p) else None, "is_clear": p <= 1 - LEVEL}
        for row, p in zip(family, together, strict=True)
    ]


def _parts(column: pa.ChunkedArray, decided: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Name and rows, of those decided, of each category or annotator, the largest first; nothing where there is one."""
    names, codes = _codes(column)
    codes = codes[decided]
    sizes = np.bincount(codes[codes >= 0], minlength=len(names))
    largest = np.argsort(-sizes, kind="stable")[:MAX_PARTS]
    if (sizes > 0).sum() > 1:
        yield from ((names[code], codes == code) for code in largest if sizes[code])


def _in_short(rows: list[FeatureLeaning]) -> LeaningsOfParts | None:
    clear = sorted((row for row in rows if row["is_clear"]), key=lambda row: row["p_value"] or 0.0)
    return (
        {
            "num_parts": len({row["name"] for row in rows}),
            "num_tests": _num_tests(rows),
            "num_clear": len(clear),
            "clear": clear[:MAX_CLEAR],
        }
        if rows
        else None
    )


def _num_tests(rows: list[FeatureLeaning]) -> int:
    return sum(row["p_value"] is not None for row in rows)


def _codes(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct values, and for each entry the place of its own; -1 for null."""
    coded = column.combine_chunks().dictionary_encode()
    places = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return coded.dictionary.to_pylist(), places
