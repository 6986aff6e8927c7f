"""What a person decided about pairs of a policy's samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from rewardsmith.artifacts.files.fingerprints import fingerprint_file, fingerprint_json
from rewardsmith.artifacts.files.rows import read_rows
from rewardsmith.errors import DataError
from rewardsmith.policy.rounds.labelling import as_decided
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.refining.decisions_file import decisions_path, read_decisions
from rewardsmith.workflows.loop.files import LoopFiles


@dataclass(frozen=True)
class Decided:
    """Pairs of earlier loops with a person's labels."""

    pairs: pa.Table
    """Preferences (``PAIRS``)."""
    fingerprint: str


def read_decided(names: str) -> Decided:
    """Of files of decisions, separated by commas, each about the ``label_next.jsonl`` beside it.

    ``DataError`` for a file that is missing, and where no decision makes a preference.
    """
    rows, fingerprints = [], []
    for name in names.split(","):
        path = decisions_path(name)
        asked = LoopFiles(path.parent).label_next
        if not asked.is_file():
            raise DataError(f"`decisions` {name}: {asked.name}, which a loop writes, has to lie beside it.")
        decisions, fingerprint = decisions_about(asked, path)
        fingerprints += [fingerprint_file(asked), fingerprint]
        both = zip(read_rows(asked), decisions, strict=True)
        found = (as_decided(row, decision, {"labelled_by": "person"}) for row, decision in both)
        rows += [row for row in found if row is not None]
    if not rows:
        raise DataError(f"`decisions` {names}: every pair is dropped, so that nothing is learned from them.")
    return Decided(load_preferences(rows, DataOptions()).table, fingerprint_json(fingerprints))


def decisions_about(asked: Path, decisions: Path) -> tuple[list[str | None], str]:
    """By place in the file that was asked about, None where nothing was decided; and what they are known by."""
    table = load_preferences(str(asked), DataOptions(dataset_name=str(asked))).table
    found, fingerprint = read_decisions(decisions, table)
    by_row = dict(zip(table["row"].to_pylist(), found, strict=True))
    return [by_row.get(row) for row in range(len(read_rows(asked)))], fingerprint
