"""The ledger: every pair of the input beside what was decided of it and why; and the way back from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.tables import LEDGER, PAIRS
from rewardsmith.preferences.files.json_values import parse_json
from rewardsmith.refining.recipe import Refined
from rewardsmith.refining.supervision import Supervision


def build_ledger(pairs: pa.Table, strengths: pa.Table, given: Supervision, refined: Refined) -> pa.Table:
    """Schema ``LEDGER``, with the recipe's name and fingerprint in its metadata.

    ``pairs`` and ``strengths`` are an audit's, in the same order; ``given`` is of ``pairs``.
    """
    now = refined.supervision
    columns: dict[str, pa.Array | pa.ChunkedArray | NDArray[np.generic]] = {name: pairs[name] for name in PAIRS.names}
    columns |= {
        "target": now.target,
        "margin": now.margin,
        "weight": now.weight,
        "target_given": given.target,
        "margin_given": given.margin,
        "weight_given": given.weight,
        "swapped": now.swapped,
        "rules": pa.array(refined.rules_of_row(), LEDGER.field("rules").type),
        "reason": pa.array(refined.reasons(), pa.string()),
        **{name: strengths[name] for name in ("strength_mean", "strength_std", "p_wrong")},
        "strength_class": strengths["strength_class"].cast(pa.string()),
    }
    made_by = {"recipe": refined.recipe.name, "recipe_fingerprint": refined.recipe.fingerprint}
    arrays = [_typed(columns[field.name], field.type) for field in LEDGER]
    return pa.table(arrays, schema=LEDGER.with_metadata(made_by))


def undone_lines(ledger: pa.Table, quarantine: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The rows of the input as they were read, one JSON document a line where they were one, in their order.

    ``quarantine``: entries with ``row`` and ``original``, of the rows that the audit could not use. A row that was not
    JSON is its own text; where that is blank or has several lines, it is a JSON string.
    """
    positions = ledger["row"].to_pylist()
    rows = dict(zip(positions, ledger["original"].to_pylist(), strict=True))  # one with several pairs is there once
    rows |= {entry["row"]: entry["original"] for entry in quarantine}
    for _, original in sorted(rows.items()):
        yield _one_line(original)


def _typed(values: pa.Array | pa.ChunkedArray | NDArray[np.generic], kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    return pa.array(values).cast(kind) if isinstance(values, np.ndarray) else values


def _one_line(text: str) -> str:
    if text.strip() and "\n" not in text:
        return text
    try:
        parse_json(text)
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    return text.replace("\n", " ")  # between values only: a string of JSON holds no line break
