"""A second view of the pairs of a set: what another file prefers of the same two responses to the same prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import as_text
from rewardsmith.contracts.metrics.second_labels import SecondLabelCounts
from rewardsmith.errors import DataError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.preference_set import PreferenceSet, QuarantinedRow

Key = tuple[str, str, str]
"""Prompt and two responses, these in the order of the alphabet."""


@dataclass(frozen=True)
class SecondLabels:
    """The labels of a second file, pair by pair of the first set."""

    name: str
    target: NDArray[np.float64]
    """[N] P(chosen is the better one), chosen being what the first set calls so; NaN where the file says nothing.

    The mean of its rows on the pair, whichever response they name first.
    """
    num_rows: int
    """Pairs that the file holds."""
    num_unmatched: int
    """Of these, those of no pair of the set."""
    num_contradicted: int
    """Pairs of the set of which one row prefers one response, and one the other."""
    quarantine: list[QuarantinedRow]
    sources: Mapping[str, str]
    """Name of each source -> fingerprint of its content."""

    @property
    def covered(self) -> NDArray[np.bool_]:
        """[N] Pairs of which the file says something."""
        return ~np.isnan(self.target)

    @property
    def counts(self) -> SecondLabelCounts:
        """Which pairs of the set the file speaks of, and which of its rows speak of none."""
        return {
            "dataset": self.name,
            "num_covered": int(self.covered.sum()),
            "share_covered": float(self.covered.mean()),
            "num_rows": self.num_rows,
            "num_unmatched": self.num_unmatched,
            "num_contradicted": self.num_contradicted,
            "num_quarantined": len(self.quarantine),
        }


def second_labels(name: str, on_bad_row: Literal["quarantine", "error"], given: PreferenceSet) -> SecondLabels:
    """Those of a file that `judge` wrote, or of any preference file.

    A pair is found by its prompt and its two responses, letter by letter and in either order; rows have no say, nor
    weights. ``DataError`` where no pair is found.
    """
    options = DataOptions(name, on_bad_row=on_bad_row, near_duplicates="off")
    second = load_preferences(name, options)
    said: dict[Key, list[float]] = {}
    for (key, swapped), target in zip(_keys(second.table), second.table["target"].to_pylist(), strict=True):
        said.setdefault(key, []).append(1 - target if swapped else target)
    wanted = list(_keys(given.table))
    found = [(said.get(key, ()), swapped) for key, swapped in wanted]
    targets = np.array([np.mean(own) if own else np.nan for own, _ in found])
    targets = np.where([swapped for _, swapped in found], 1 - targets, targets)
    if np.isnan(targets).all():
        raise DataError(
            f"`second_labels` {name}: none of its {len(second.table):,} pairs is one of {given.name}. They are found "
            "by prompt and responses, letter by letter: label this very set (`rewardsmith judge --judge_truth`)."
        )
    matched = {key for key, _ in wanted}
    return SecondLabels(
        second.name,
        targets,
        len(second.table),
        sum(len(own) for key, own in said.items() if key not in matched),
        sum(min(own) < 0.5 < max(own) for own, _ in found if own),
        second.quarantine,
        second.sources,
    )


def _keys(pairs: pa.Table) -> Iterator[tuple[Key, bool]]:
    """The key of each pair, and whether its chosen response is the second one there."""
    for batch in pairs.select(["prompt_id", "chosen", "rejected"]).to_batches():
        for row in batch.to_pylist():
            chosen, rejected = as_text(row["chosen"][-1]), as_text(row["rejected"][-1])
            first, second = sorted((chosen, rejected))
            yield (row["prompt_id"], first, second), chosen != first
