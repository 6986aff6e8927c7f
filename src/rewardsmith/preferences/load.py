"""The way in: any preference set, read, checked and grouped."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.artifacts.config.flat_config import at_home
from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.artifacts.terminal.progress import ProgressHandle, progress, say
from rewardsmith.contracts.metrics.audit import Place
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.preferences.files.raw_row import RawRow
from rewardsmith.preferences.formats.detection import NUM_ROWS_LOOKED_AT, choose_format
from rewardsmith.preferences.formats.format import Format
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.grouping import (
    NEAR_DUPLICATE_LIMIT,
    group_of_column,
    join_near_duplicate_prompts,
    near_duplicate_pairs,
    not_looked_for,
)
from rewardsmith.preferences.pairs.pair import check_pair
from rewardsmith.preferences.pairs.pair_table import PairKeys, PairTableBuilder
from rewardsmith.preferences.pairs.preference_set import (
    KEPT_AS_TEXT,
    NUM_EXAMPLES,
    Finding,
    Places,
    PreferenceSet,
    QuarantinedRow,
    num_rows_of,
)
from rewardsmith.preferences.pairs.set_checks import check_set
from rewardsmith.preferences.problems import REASONS, BadRowError, column_names
from rewardsmith.preferences.rows.fields import RowFields, columns_not_read
from rewardsmith.preferences.rows.optional_columns import read_optional_columns
from rewardsmith.preferences.sources.refined_folder import LEDGER_FILE, is_refined, pairs_of_ledger, read_ledger
from rewardsmith.preferences.sources.source import Source, find_sources

_REPORT_EVERY = 1000
_READING = ("dataset_config", "dataset_split", "format", "on_bad_row", "near_duplicates")


def load_preferences(dataset: Any, options: DataOptions, seed: int = 0) -> PreferenceSet:
    """Reads a preference set.

    ``dataset``: a path, Hub id or ``embedded/dialogues``; a list of paths; a list of dictionaries; a pandas, Arrow or
    ``datasets`` table. Every row ends in the table or in the quarantine. ``DataError`` where nothing is usable, and
    with ``on_bad_row error`` at the first bad row. Of a refined folder, the ledger's rows as they are.
    """
    if options.max_pairs is not None and options.max_pairs < 1:
        raise ConfigError(f"`max_pairs` {options.max_pairs} leaves nothing to read; it must be at least 1.")
    if is_refined(dataset):
        return _load_refined(Path(at_home(str(dataset))), options, seed)
    name, sources = find_sources(dataset, options)
    reading = _Reading(options, several=len(sources) > 1)
    with progress("Reading preferences", None) as handle:
        for source in sources:
            reading.read(source, handle)
    if not reading.num_usable:
        raise DataError(_nothing_usable(name, reading))
    table, keys = reading.builder.finish()
    places = Places(reading.files, table["row"].to_numpy(), keys.file, keys.line)
    table, findings = _checked(table, keys, reading, options)
    num_available = reading.num_rows
    table = _sampled(table, options.max_pairs, seed)
    return PreferenceSet(
        table=table,
        quarantine=reading.quarantine,
        findings=_quarantine_findings(reading.quarantine)
        + findings
        + _kept_as_text(reading, table)
        + _not_read(name, reading.not_read),
        num_rows_read=num_rows_of(table) + len(reading.quarantine),
        num_rows_available=num_available,
        format=", ".join(dict.fromkeys(reading.formats)),
        sources=reading.fingerprints,
        name=name,
        places=places,
        columns_not_read=dict(reading.not_read),
    )


@dataclass
class _Reading:
    """Everything that grows while rows are read."""

    options: DataOptions
    several: bool
    builder: PairTableBuilder = field(default_factory=PairTableBuilder)
    quarantine: list[QuarantinedRow] = field(default_factory=list)
    inexact: list[Place] = field(default_factory=list)
    """Rows of which the original is not all that was read."""
    files: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    fingerprints: dict[str, str] = field(default_factory=dict)
    not_read: Counter[str] = field(default_factory=Counter)
    """Column -> rows in which it could be part of the conversation, and no reader takes it."""
    num_rows: int = 0
    num_usable: int = 0

    def read(self, source: Source, handle: ProgressHandle) -> None:
        rows = source.rows()
        first = list(islice(rows, NUM_ROWS_LOOKED_AT))
        if not first:
            raise DataError(f"{source.name} is empty: it has no rows. A preference set needs a pair in each row.")
        records = [row.record for row in first if row.record is not None]
        fields = RowFields(records)
        form = choose_format([*map(fields.decoded, records)], self.options, source.name) if records else None
        _check_group_column(records, self.options.group_by, source.name)
        self.files.append(source.name)
        self.formats += [form.name] if form else []
        digest = hashlib.sha256()
        for raw in chain(first, rows):
            if source.fingerprint is None:
                digest.update(raw.original.encode() + b"\n")
            self._take(raw, form, source, fields)
            if self.num_rows % _REPORT_EVERY == 0:
                handle.advance(_REPORT_EVERY)
        fingerprint = f"sha256:{digest.hexdigest()}" if source.fingerprint is None else source.fingerprint()
        self.fingerprints[source.name] = fingerprint
        self.not_read.update(fields.unread())

    def _take(self, raw: RawRow, form: Format | None, source: Source, fields: RowFields) -> None:
        """One row: into the table or into the quarantine."""
        row = self.num_rows
        self.num_rows += 1
        if not raw.exact:
            self.inexact.append({"file": source.name, "line": raw.line, "row": row})
        try:
            if raw.problem is not None or raw.record is None or form is None:
                raise raw.problem or BadRowError("not_an_object", "the row is not an object with fields")
            record = fields.of(raw.record)
            pairs = form.pairs(record)
            for pair in pairs:
                if form.says_more:
                    read_optional_columns(record, pair)
                check_pair(pair)
                if self.several:
                    pair.source = pair.source or source.stem
                    pair.category = pair.category or source.stem
            group = group_of_column(record, self.options.group_by)
            self.builder.add(pairs, row, raw.original, group, len(self.files) - 1, raw.line)
            self.num_usable += 1
            fields.note(raw.record)
        except BadRowError as problem:
            if self.options.on_bad_row == "error":
                place = source.place(raw.line)
                raise DataError(f"{place}: {problem.message}. Fix it, or pass `on_bad_row` quarantine.") from problem
            bad = QuarantinedRow(row, source.name, raw.line, problem.reason, problem.message, raw.original)
            self.quarantine.append(bad)


def _load_refined(folder: Path, options: DataOptions, seed: int) -> PreferenceSet:
    """The pairs of a refined folder: checked, named and grouped they were before the audit."""
    unused = [f"`{f}` {getattr(options, f)}" for f in _READING if getattr(options, f) != getattr(DataOptions(), f)]
    if unused:
        say(f"{folder} is a refined folder, read as its ledger stands: {', '.join(unused)} changes nothing about it.")
    for name in ("prompt_key", "chosen_key", "rejected_key", "group_by"):
        value = getattr(options, name)
        if value is not None:
            raise ConfigError(f"`{name}` {value}: a refined folder keeps the pairs and the groups of its audit.")
    ledger = read_ledger(folder)
    table = _sampled(pairs_of_ledger(ledger), options.max_pairs, seed)
    return PreferenceSet(
        table=table,
        quarantine=[],
        findings=[],
        num_rows_read=num_rows_of(table),
        num_rows_available=num_rows_of(ledger),
        format="refined",
        sources={str(folder / LEDGER_FILE): fingerprint_file(folder / LEDGER_FILE)},
        name=folder.resolve().name,
    )


def _checked(
    table: pa.Table, keys: PairKeys, reading: _Reading, options: DataOptions
) -> tuple[pa.Table, list[Finding]]:
    """The table with final identities and groups, and what the checks across rows found."""
    rows = table["row"].to_numpy()

    def finding(check: str, mask: NDArray[np.bool_], message: str) -> Finding:
        places: list[Place] = [
            {"file": reading.files[keys.file[i]], "line": int(keys.line[i]), "row": int(rows[i])}
            for i in np.flatnonzero(mask)[:NUM_EXAMPLES]
        ]
        return Finding(check, int(mask.sum()), "kept", message, places)

    table, found = check_set(table, keys, finding)
    if options.near_duplicates == "auto" and table.num_rows > NEAR_DUPLICATE_LIMIT:
        found.append(not_looked_for("near_duplicate_pairs", f"{table.num_rows:,} pairs"))
    elif options.near_duplicates != "off":
        message = "rows repeat an earlier row but for case, spacing and punctuation"
        near = finding("near_duplicate_pairs", near_duplicate_pairs(table), message)
        found += [near] * bool(near.count)
    if options.group_by is None:
        table, joined = join_near_duplicate_prompts(table, options.near_duplicates)
        found += joined
    return table, found


def _check_group_column(records: list[Mapping[str, object]], column: str | None, name: str) -> None:
    if column is not None and records and not any(column in record for record in records):
        raise DataError(f"{name} has no column {column} for `group_by`; it has {column_names(records)}.")


def _sampled(table: pa.Table, max_pairs: int | None, seed: int) -> pa.Table:
    """A random sample of the rows, in their order."""
    if max_pairs is None or table.num_rows <= max_pairs:
        return table
    rows = np.random.default_rng(seed).choice(table.num_rows, max_pairs, replace=False)
    return table.take(pa.array(np.sort(rows)))


def _quarantine_findings(quarantine: list[QuarantinedRow]) -> list[Finding]:
    """One finding a reason, the most frequent first."""
    by_reason: dict[str, list[QuarantinedRow]] = {}
    for bad in quarantine:
        by_reason.setdefault(bad.reason, []).append(bad)
    return [
        Finding(
            reason,
            len(rows),
            "quarantined",
            f"rows quarantined: each {REASONS[reason]}",
            [{"file": bad.file, "line": bad.line, "row": bad.row} for bad in rows[:NUM_EXAMPLES]],
        )
        for reason, rows in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    ]


def _kept_as_text(reading: _Reading, table: pa.Table) -> list[Finding]:
    """Rows, of those that are in the set or in quarantine, that `undo` cannot give back value for value."""
    here = {bad.row for bad in reading.quarantine}.union(table["row"].to_pylist() if reading.inexact else ())
    places = [place for place in reading.inexact if place["row"] in here]
    message = (
        "rows hold what JSON has no word for (bytes that are no text, dates, decimals, what a damaged file lost); "
        "it is kept as text"
    )
    return [Finding(KEPT_AS_TEXT, len(places), "kept", message, places[:NUM_EXAMPLES])] if places else []


def _not_read(name: str, columns: Mapping[str, int]) -> list[Finding]:
    """A finding a column, said as well: nobody looks for what is missing."""
    if columns:
        say(f"{name}: {columns_not_read(columns)}")
    return [
        Finding("not_read", count, "kept", f'rows have text in "{column}", which no reader takes')
        for column, count in columns.items()
    ]


def _nothing_usable(name: str, reading: _Reading) -> str:
    worst = _quarantine_findings(reading.quarantine)[0]
    first = next(bad for bad in reading.quarantine if bad.reason == worst.check)
    return (
        f"{name}: none of its {reading.num_rows} rows is usable; {worst.count} were quarantined as {worst.check}, "
        f"the first at {first.file} line {first.line}: {first.message}."
    )
