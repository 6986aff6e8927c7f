"""Samples that a run reads beside its pairs: read and checked as pairs are, rows that cannot be used kept."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Refusals
from rewardsmith.errors import DataError
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.rows.fields import columns_not_read
from rewardsmith.preferences.second_labels import SecondLabels
from rewardsmith.preferences.unlabelled.samples import SampleSet, load_samples


def read_samples(options: RowOptions, refusals: Refusals, dataset: Any = None) -> SampleSet:
    """Those of a file, or of rows in memory. Rows that the model does not take are quarantined too; all is said."""
    samples = load_samples(options.dataset_name if dataset is None else dataset, options, refusals)
    if samples.quarantine:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in samples.quarantine_by_reason.items())
        num_rows = len(samples.table) + len(samples.quarantine)
        say(f"{len(samples.quarantine):,} of {num_rows:,} rows of {samples.name} cannot be used: {reasons}.")
    if samples.columns_not_read:
        say(f"{samples.name}: {columns_not_read(samples.columns_not_read)}")
    return samples


def takes_all(refusals: Refusals, samples: SampleSet) -> bool:
    """Whether a model takes every response."""
    rows = samples.table.select(["prompt", "responses"]).to_pylist()
    return not any(refusals([[*row["prompt"], *response] for response in row["responses"]]) for row in rows)


def taken_by_both(first: SampleSet, second: SampleSet) -> SampleSet:
    """The rows of one file that two models take; ``DataError`` where there is none."""
    kept = first.table.filter(pc.is_in(first.table["row"], second.table["row"]))
    if not len(kept):
        raise DataError(f"{first.name}: there is no row that both models take.")
    bad = {one.row: one for one in (*second.quarantine, *first.quarantine)}
    return replace(first, table=kept, quarantine=[bad[row] for row in sorted(bad)])


def write_quarantine(path: Path, samples: SampleSet | SecondLabels | None) -> None:
    """Keeps the rows that cannot be used."""
    if samples is not None and samples.quarantine:
        write_jsonl(path, (asdict(row) for row in samples.quarantine))
        say(f"Rows of {samples.name} that cannot be used: see {path.name}.")
