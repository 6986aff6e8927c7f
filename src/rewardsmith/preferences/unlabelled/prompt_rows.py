"""Prompts to be answered, one row after the other: of a set of prompts, or of anything that `score` reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rewardsmith.contracts.conversations import Message, as_text
from rewardsmith.errors import DataError
from rewardsmith.preferences.files.raw_row import RawRow
from rewardsmith.preferences.formats import FORMATS
from rewardsmith.preferences.options import PromptOptions
from rewardsmith.preferences.problems import BadRowError, column_names, required
from rewardsmith.preferences.rows.messages import read_prompt
from rewardsmith.preferences.rows.prompts import PROMPTS, prompt_key_of, read_prompt_column, with_system
from rewardsmith.preferences.rows.responses import find_response_key
from rewardsmith.preferences.sources.source import find_sources
from rewardsmith.preferences.unlabelled.demonstrations import better
from rewardsmith.preferences.unlabelled.streaming import OpenedSource, ScoringRow, stream_rows


@dataclass(frozen=True, slots=True)
class PromptRow:
    """One input row: its prompt, or the problem with it."""

    row: int
    """Position in the input, 0-based."""
    raw: RawRow
    file: str
    place: str
    """File and line, for messages."""
    prompt: list[Message] = field(default_factory=list)
    response: Message | None = None
    """The first one that the row holds, where prompts are what stands before responses; of a pair the better one."""
    undecided: BadRowError | None = None
    """Why a pair has no better one."""
    problem: BadRowError | None = None


@dataclass(frozen=True)
class PromptStream:
    """A set that is being read. Iterate once."""

    name: str
    rows: Iterator[PromptRow]
    not_read: Counter[str]
    """Column -> rows in which it could be part of the conversation, and is not read; grows while rows are read."""


def stream_prompts(dataset: Any, options: PromptOptions) -> PromptStream:
    """Opens a set. Where most rows hold responses, a prompt is what stands before them; else it is the prompt's column.

    ``dataset`` as for ``load_preferences``. With ``on_bad_row error`` the first bad row raises.
    """
    reading = options.reading()
    name, sources = find_sources(dataset, reading.reading())
    first = OpenedSource(sources[0])
    if first.is_empty:
        raise DataError(f"{first.source.name} is empty: it has no prompts.")
    if options.prompt_key is None and 2 * sum(map(_is_answered, first.records)) > len(first.records):
        stream = stream_rows(dataset, reading)
        rows: Iterator[PromptRow] = map(_before_responses, stream.rows)
        not_read = stream.not_read
    elif any(_key(record, options) in record for record in first.records):
        not_read = Counter()
        rows = _rows([first, *map(OpenedSource, sources[1:])], options, not_read)
    else:
        raise DataError(
            f"{first.source.name}: no column of prompts; found {column_names(first.records) or 'none'}. Rows need one "
            f"of {', '.join(PROMPTS)}, or messages that end with the user; name another with `prompt_key`."
        )
    checked = map(_checked, rows)
    return PromptStream(name, _strict(checked) if options.on_bad_row == "error" else checked, not_read)


def _is_answered(record: Mapping[str, object]) -> bool:
    """Whether a row holds a response: messages that end with the user are none."""
    key = find_response_key(record)
    is_response = key is not None and prompt_key_of({key: record[key]}) != key
    return is_response or any(form.matches(record) for form in FORMATS)


def _before_responses(row: ScoringRow) -> PromptRow:
    first = next((conversation for conversation in row.conversations if conversation is not None), ())
    found = PromptRow(row.row, row.raw, row.file, row.place, list(first[:-1]), problem=row.problem)
    if row.labelled is None:
        return replace(found, response=first[-1] if first else None)
    try:
        return replace(found, response=better(row.labelled())[-1])
    except BadRowError as problem:
        return replace(found, undecided=problem)


def _rows(sources: Sequence[OpenedSource], options: PromptOptions, not_read: Counter[str]) -> Iterator[PromptRow]:
    number = 0
    for opened in sources:
        for raw in opened.rows:
            about = (number, raw, opened.source.name, opened.source.place(raw.line))
            try:
                yield PromptRow(*about, _prompt(raw, opened, options))
            except BadRowError as problem:
                yield PromptRow(*about, problem=problem)
            number += 1
        not_read.update(opened.fields.unread())


def _prompt(raw: RawRow, opened: OpenedSource, options: PromptOptions) -> list[Message]:
    if raw.problem is not None or raw.record is None:
        raise raw.problem or BadRowError("not_an_object", "the row is not an object with fields")
    record = opened.fields.of(raw.record)
    key = _key(record, options)
    value = required(record, key)
    prompt = with_system(record, read_prompt(value, key) if options.prompt_key else read_prompt_column(record, key))
    opened.fields.note(raw.record)
    return prompt


def _key(record: Mapping[str, object], options: PromptOptions) -> str:
    return options.prompt_key or prompt_key_of(record) or PROMPTS[0]


def _checked(row: PromptRow) -> PromptRow:
    """The row, with the problem of a prompt that nobody can answer."""
    if row.problem is not None:
        return row
    texts = [as_text(message) for message in row.prompt]
    if not any(text.strip() for text in texts):
        return replace(row, problem=BadRowError("empty_field", "the prompt is empty"))
    if (role := row.prompt[-1]["role"]) not in ("user", "tool"):
        return replace(row, problem=BadRowError("wrong_type", f"the prompt ends with a turn of the {role}"))
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        problem = BadRowError("bad_utf8", "a text holds half of a surrogate pair, which is no character")
        return replace(row, problem=problem)
    return row


def _strict(rows: Iterator[PromptRow]) -> Iterator[PromptRow]:
    """The rows up to the first bad one, which raises."""
    for row in rows:
        if row.problem is not None:
            raise DataError(f"{row.place}: {row.problem}. Fix it, or pass `on_bad_row` quarantine.") from row.problem
        yield row
