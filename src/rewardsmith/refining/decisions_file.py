"""A person's decisions, as a file names them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from rewardsmith.artifacts.config.flat_config import at_home
from rewardsmith.errors import DataError
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.sources.source import find_sources
from rewardsmith.refining.evidence import Names
from rewardsmith.refining.selection import DECISIONS

DECISIONS_FILE = "decisions.jsonl"
"""What a report calls the decisions that were taken in it."""


def decisions_path(name: str) -> Path:
    """The file that holds the decisions: one on this machine, never a pattern or a data set of the Hub."""
    path = Path(at_home(name))
    if not path.is_file():
        raise DataError(f"`decisions` {name}: there is no such file. Name one in JSON Lines or CSV.")
    return path


def read_decisions(path: Path, pairs: pa.Table) -> tuple[Names, str]:
    """The decision for each pair [N], None where there is none, and the fingerprint of what was read.

    The last decision of a pair counts, an empty one never.

    ``DataError`` names the line of a decision that nobody can follow.
    """
    by_id = {name: index for index, name in enumerate(pairs["pair_id"].to_pylist())}
    by_row: dict[int, list[int]] = {}
    for index, row in enumerate(pairs["row"].to_pylist()):
        by_row.setdefault(row, []).append(index)
    decisions: Names = [None] * len(pairs)
    _, [source] = find_sources(path, DataOptions())
    for raw in source.rows():
        place = f"{source.name} {source.unit} {raw.line}"
        if raw.record is None:
            raise DataError(f"{place}: {raw.problem.message if raw.problem else 'not an object'}.")
        decision = raw.record.get("decision")
        if decision is None and "decision" in raw.record:
            continue
        if decision not in DECISIONS:
            raise DataError(f'{place}: "decision" is {decision!r}, which is none of {", ".join(DECISIONS)}.')
        decisions[_pair(raw.record, by_id, by_row, place)] = str(decision)
    if not any(decisions):
        raise DataError(f"{path}: no decision stands in it.")
    assert source.fingerprint is not None  # a file has one
    return decisions, source.fingerprint()


def _pair(record: Mapping[str, object], by_id: dict[str, int], by_row: dict[int, list[int]], place: str) -> int:
    """Position of the pair that a record is about."""
    name, row = record.get("pair_id"), record.get("row")
    if name is not None:
        found, words = by_id.get(str(name)), f"pair_id {name}"
    elif row is not None:
        indices = by_row.get(int(str(row)) if str(row).isdecimal() else -1, [])
        if len(indices) > 1:
            raise DataError(f'{place}: row {row} gave {len(indices)} pairs. Name the one that is meant by "pair_id".')
        found, words = next(iter(indices), None), f"row {row}"
    else:
        raise DataError(f'{place}: there is neither "pair_id" nor "row" to say which pair is meant.')
    if found is None:
        raise DataError(f"{place}: there is no pair with {words}.")
    return found
