"""What reading a preference set gives: the usable pairs, the quarantined rows, and everything noticed on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.audit import Place
from rewardsmith.preferences.problems import REASONS, REFUSED_BY_MODEL

NUM_EXAMPLES = 5
"""Places that a finding names."""

KEPT_AS_TEXT = "kept_as_text"
"""The finding on rows that cannot be had back value for value."""


@dataclass(frozen=True)
class QuarantinedRow:
    """A row that cannot be used, kept with the reason."""

    row: int
    """Position in the input, 0-based."""
    file: str
    line: int
    """1-based; the row number where the file has no lines (Parquet, in-memory objects)."""
    reason: str
    """Stable code, one of ``problems.REASONS``."""
    message: str
    """What is wrong, in one sentence."""
    original: str
    """The row as read: JSON text where it is JSON, else the raw text."""


@dataclass(frozen=True)
class Finding:
    """One kind of thing noticed about the set, with its count and the first places."""

    check: str
    count: int
    action: Literal["quarantined", "kept", "joined"]
    message: str
    examples: list[Place] = field(default_factory=list)


@dataclass(frozen=True)
class Places:
    """Where each row of a set was read."""

    files: Sequence[str]
    row: NDArray[np.int64]
    """Ascending positions in the input."""
    file: NDArray[np.int64]
    """Position among the files, one a row."""
    line: NDArray[np.int64]

    def of(self, row: int) -> tuple[str, int]:
        """File and line."""
        index = int(np.searchsorted(self.row, row))
        return self.files[int(self.file[index])], int(self.line[index])


@dataclass(frozen=True)
class PreferenceSet:
    """Pairs ready for use. ``num_rows_read == num_rows_of(table) + len(quarantine)``, always.

    With ``max_pairs`` the sample is drawn after reading: ``num_rows_read`` then counts the sampled and the
    quarantined rows, and ``num_rows_available`` all of them.
    """

    table: pa.Table
    """Schema ``contracts.tables.PAIRS``, in input order."""
    quarantine: list[QuarantinedRow]
    findings: list[Finding]
    num_rows_read: int
    num_rows_available: int
    format: str
    sources: Mapping[str, str]
    """Name of each source -> fingerprint of its content."""
    name: str
    places: Places | None = None
    """None: the rows are those of one file, in their order."""
    columns_not_read: dict[str, int] = field(default_factory=dict)
    """Column -> rows in which it could be part of the conversation."""

    def without(self, refused: Mapping[int, str]) -> PreferenceSet:
        """The set with the rows of some pairs in quarantine. ``refused``: positions in the table, with the reason."""
        rows = self.table["row"].to_numpy()
        reasons = {int(rows[place]): refused[place] for place in sorted(refused, reverse=True)}
        kept = ~np.isin(rows, list(reasons))
        pair_of = {pair["row"]: pair for pair in self._rows(~kept)}
        bad = [self._quarantined(pair, reasons[row]) for row, pair in sorted(pair_of.items())]
        message = f"rows quarantined: each {REASONS[REFUSED_BY_MODEL]}"
        places: list[Place] = [{"file": one.file, "line": one.line, "row": one.row} for one in bad[:NUM_EXAMPLES]]
        finding = Finding(REFUSED_BY_MODEL, len(bad), "quarantined", message, places)
        return replace(
            self,
            table=self.table.filter(pa.array(kept)),
            quarantine=[*self.quarantine, *bad],
            findings=[finding, *self.findings],
        )

    def _rows(self, which: NDArray[np.bool_]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.table.select(["row", "original"]).filter(pa.array(which)).to_pylist()
        return rows

    def _quarantined(self, pair: dict[str, Any], reason: str) -> QuarantinedRow:
        row = pair["row"]
        file, line = self.places.of(row) if self.places else (next(iter(self.sources), self.name), row + 1)
        return QuarantinedRow(row, file, line, REFUSED_BY_MODEL, reason, pair["original"])

    @property
    def quarantine_by_reason(self) -> dict[str, int]:
        """Reason code -> number of rows, the most frequent first."""
        return dict(Counter(bad.reason for bad in self.quarantine).most_common())


def num_rows_of(pairs: pa.Table) -> int:
    """Rows of the input that a table of pairs holds: one with more than two responses gives several pairs."""
    return int(pc.count_distinct(pairs["row"]).as_py())
