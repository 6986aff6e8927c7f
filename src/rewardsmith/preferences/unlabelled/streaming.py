"""Rows to be scored, one after the other: nothing of the set stays in memory.

A set holds one kind of row: ``pair`` (any preference format), ``response`` (a prompt with one response, or a whole
conversation) or ``responses`` (a prompt with several). Unlike training, scoring takes empty, equal and unlabelled
responses: a policy's samples are what they are.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Any, Literal

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation, as_text
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.preferences.files.raw_row import RawRow
from rewardsmith.preferences.formats import FORMATS
from rewardsmith.preferences.formats.detection import NUM_ROWS_LOOKED_AT, choose_format
from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.formats.ratings import RATINGS
from rewardsmith.preferences.options import DataOptions, RowOptions
from rewardsmith.preferences.pairs.identity import pair_id
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.pairs.preference_set import QuarantinedRow
from rewardsmith.preferences.problems import BadRowError, column_names
from rewardsmith.preferences.rows.fields import RowFields
from rewardsmith.preferences.rows.optional_columns import read_optional_columns
from rewardsmith.preferences.rows.responses import find_response_key, holds_several, read_conversations
from rewardsmith.preferences.sources.source import Source, find_sources

Kind = Literal["pair", "response", "responses"]


@dataclass(frozen=True, slots=True)
class ScoringRow:
    """One input row.

    ``conversations``: of a pair chosen, then rejected; None for a response that is missing among several; empty where
    the row cannot be scored.
    """

    row: int
    """Position in the input, 0-based."""
    raw: RawRow
    conversations: list[Conversation | None] = field(default_factory=list)
    pair_id: str | None = None
    """Of a pair; equal for exact duplicates (`load_preferences` numbers them, which would need them all at once)."""
    problem: BadRowError | None = None
    place: str = ""
    """File and line, for messages."""
    file: str = ""
    labelled: Callable[[], Pair] | None = None
    """Of a pair: with all that the row says of its label. ``BadRowError`` for a number that is none."""

    def set_aside(self, problem: BadRowError, on_bad_row: str) -> QuarantinedRow:
        """The row with what is wrong with it; ``DataError`` with ``on_bad_row error``."""
        if on_bad_row == "error":
            raise DataError(f"{self.place}: {problem.message}. Fix it, or pass `on_bad_row` quarantine.") from problem
        return QuarantinedRow(self.row, self.file, self.raw.line, problem.reason, problem.message, self.raw.original)


@dataclass(frozen=True)
class RowStream:
    """A set that is being read. Iterate once."""

    name: str
    kind: Kind
    form: str
    """Name of the preference format, or column of the responses."""
    rows: Iterator[ScoringRow]
    not_read: Counter[str]
    """Column -> rows in which it could be part of the conversation, and is not read; grows while rows are read."""
    fingerprints: dict[str, str]
    """Name of each source that is read -> fingerprint of its content."""
    column: str | None = None
    """The column of the responses, where it is one."""


def stream_rows(dataset: Any, options: RowOptions) -> RowStream:
    """Opens a set and decides by its first rows what it holds. ``DataError`` in one line where nothing fits.

    ``dataset`` as for ``load_preferences``. With ``on_bad_row error`` the first bad row raises.
    """
    if options.response_key and (options.format != "auto" or options.chosen_key or options.rejected_key):
        raise ConfigError("`response_key` names responses to score, and the other options pairs: drop one of them.")
    reading = options.reading()
    name, sources = find_sources(dataset, reading)
    first = OpenedSource(sources[0])
    if first.is_empty:
        raise DataError(f"{first.source.name} is empty: it has no rows to score.")
    kind, form = _kind_of(first.records, reading, options.response_key, first.source.name)
    others = [source for source in sources[1:] if _is_of_kind(source, kind, reading, options.response_key)]
    described = form.name if isinstance(form, Format) else form
    not_read: Counter[str] = Counter()
    fingerprints: dict[str, str] = {}
    rows = _read(first, others, kind, reading, options.response_key, not_read, fingerprints)
    return RowStream(name, kind, described, rows, not_read, fingerprints, form if isinstance(form, str) else None)


class OpenedSource:
    """A source with its first rows looked at."""

    def __init__(self, source: Source) -> None:
        rows = source.rows()
        first = list(islice(rows, NUM_ROWS_LOOKED_AT))
        self.is_empty = not first
        problem = first[0].problem if first else None
        if problem is not None and all(row.record is None for row in first):
            place = source.place(first[0].line)
            raise DataError(f"{place}: {problem.message}; and none of the {len(first):,} rows looked at can be read.")
        self.source = source
        records = [row.record for row in first if row.record is not None]
        self.fields = RowFields(records)
        self.records: list[Record] = [*map(self.fields.decoded, records)]
        self.rows = chain(first, rows)


def _is_of_kind(source: Source, kind: Kind, options: DataOptions, response_key: str | None) -> bool:
    """Looks at a further source before any is scored: False for an empty one, DataError for one of another kind."""
    opened = OpenedSource(source)
    if opened.is_empty:
        say(f"{source.name} is empty.")
        return False
    found, _ = _kind_of(opened.records, options, response_key, source.name)
    if found != kind:
        raise DataError(f"{source.name} holds rows of the kind {found}, the files before it {kind}.")
    return True


def _read(
    opened: OpenedSource,
    others: Sequence[Source],
    kind: Kind,
    options: DataOptions,
    response_key: str | None,
    not_read: Counter[str],
    fingerprints: dict[str, str],
) -> Iterator[ScoringRow]:
    number = 0
    for source in (None, *others):
        opened = opened if source is None else OpenedSource(source)
        _, form = _kind_of(opened.records, options, response_key, opened.source.name)
        digest = hashlib.sha256()
        for raw in opened.rows:
            digest.update(f"{raw.original}\n".encode())
            row = _scoring_row(raw, number, kind, form, options.prompt_key, opened)
            if row.problem is not None and options.on_bad_row == "error":
                raise DataError(f"{row.place}: {row.problem.message}. Fix it, or pass `on_bad_row` quarantine.")
            yield row
            number += 1
        not_read.update(opened.fields.unread())
        found = opened.source.fingerprint
        fingerprints[opened.source.name] = f"sha256:{digest.hexdigest()}" if found is None else found()


def _scoring_row(
    raw: RawRow, number: int, kind: Kind, form: Format | str, prompt_key: str | None, opened: OpenedSource
) -> ScoringRow:
    place = opened.source.place(raw.line)
    try:
        if raw.problem is not None or raw.record is None:
            raise raw.problem or BadRowError("not_an_object", "the row is not an object with fields")
        record, identity, labelled = opened.fields.of(raw.record), None, None
        if kind == "pair" and isinstance(form, Format):
            conversations, pair = _pair(form, record)
            identity = pair_id(pair.prompt, [pair.chosen], [pair.rejected])
            labelled = partial(read_optional_columns, record if form.says_more else {}, pair)
        else:
            conversations = _responses(record, kind, form, prompt_key)
            _check(conversations)
        opened.fields.note(raw.record)
        return ScoringRow(number, raw, conversations, identity, place=place, file=opened.source.name, labelled=labelled)
    except BadRowError as problem:
        return ScoringRow(number, raw, problem=problem, place=place, file=opened.source.name)


def _pair(form: Format, record: Record) -> tuple[list[Conversation | None], Pair]:
    """The two conversations of a row, and what its form makes of it."""
    pair, *more = form.pairs(record)
    if more:
        raise BadRowError("wrong_type", "the row has more than two responses, most rows have two")
    conversations: list[Conversation | None] = [[*pair.prompt, pair.chosen], [*pair.prompt, pair.rejected]]
    _check(conversations)
    return conversations, pair


def _responses(record: Record, kind: Kind, form: Format | str, prompt_key: str | None) -> list[Conversation | None]:
    if isinstance(form, str):
        return read_conversations(record, form, prompt_key, several=kind == "responses")
    if form.responses is None:
        raise BadRowError("wrong_type", f"a row of the form {form.name} has no list of responses")
    return [*form.responses(record)]


def _check(conversations: list[Conversation | None]) -> None:
    for conversation in filter(None, conversations):
        if conversation[-1]["role"] != "assistant":
            raise BadRowError("no_response", f"a response is a turn of the {conversation[-1]['role']}")
        for message in conversation:
            try:
                as_text(message).encode()
            except UnicodeEncodeError as error:
                raise BadRowError("bad_utf8", "a text holds half of a surrogate pair, which is no character") from error


def _kind_of(
    records: list[Record], options: DataOptions, response_key: str | None, name: str
) -> tuple[Kind, Format | str]:
    """What most of the rows are, and the format or the column to read them by."""
    if response_key is not None:
        if not any(response_key in record for record in records):
            raise DataError(f"{name} has no column {response_key} for `response_key`; it has {column_names(records)}.")
        several = sum(holds_several(record.get(response_key)) for record in records)
        present = sum(record.get(response_key) is not None for record in records)
        return "responses" if 2 * several > present else "response", response_key
    if options.format != "auto" or options.chosen_key or options.rejected_key:
        return "pair", choose_format(records, options, name)
    counts = Counter(filter(None, map(_kind_of_record, records)))
    if not counts:
        raise DataError(
            f"{name}: no column to score; found {column_names(records) or 'none'}. Rows need chosen and rejected, or "
            "prompt and response (or responses), or messages; name others with `prompt_key` and `response_key`."
        )
    kind, column = counts.most_common(1)[0][0]
    return kind, column or choose_format(records, options, name)


def _kind_of_record(record: Record) -> tuple[Kind, str] | None:
    """What a row is, and the column of its responses; "" where a format knows it."""
    form = next((form for form in FORMATS if form is not RATINGS and form.matches(record)), None)
    if form is not None:  # rated responses are all scored
        return "responses" if _num_responses(form, record) > 2 else "pair", ""
    key = find_response_key(record)
    if key is None:
        return None
    return "responses" if holds_several(record[key]) else "response", key


def _num_responses(form: Format, record: Record) -> int:
    try:
        return len(form.responses(record)) if form.responses else 2
    except BadRowError:
        return 2
