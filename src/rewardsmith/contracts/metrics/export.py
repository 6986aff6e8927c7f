"""``metrics.json`` beside a set in the form of another trainer (``workflows/export.py``)."""

from __future__ import annotations

from typing_extensions import TypedDict


class ExportMetrics(TypedDict):
    to: str
    consumer: str
    dataset: str
    num_rows_read: int
    num_quarantined: int
    columns_not_read: dict[str, int]
    """Column -> rows in which it could be part of the conversation."""
    num_pairs: int
    num_written: int
    num_swapped: int
    """Pairs whose responses changed places."""
    left_out: dict[str, int]
    """Pairs by reason."""
    not_expressed: dict[str, int]
    """Pairs by column that the consumer does not read."""
    hint: str
