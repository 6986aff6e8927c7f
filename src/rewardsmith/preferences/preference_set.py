"""What reading a preference set gives: the usable pairs, the quarantined rows, and everything noticed on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from rewardsmith.contracts.metrics.audit import Place

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

    @property
    def quarantine_by_reason(self) -> dict[str, int]:
        """Reason code -> number of rows, the most frequent first."""
        return dict(Counter(bad.reason for bad in self.quarantine).most_common())


def num_rows_of(pairs: pa.Table) -> int:
    """Rows of the input that a table of pairs holds: one with more than two responses gives several pairs."""
    return int(pc.count_distinct(pairs["row"]).as_py())
