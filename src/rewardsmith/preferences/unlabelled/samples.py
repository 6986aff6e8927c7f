"""Samples of a policy: prompts with several responses each that nobody has compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa

from rewardsmith.artifacts.terminal.progress import progress
from rewardsmith.contracts.conversations import Refusals
from rewardsmith.contracts.tables import SAMPLES
from rewardsmith.errors import DataError
from rewardsmith.preferences.files.raw_row import valid_text
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.pairs.identity import prompt_id
from rewardsmith.preferences.pairs.preference_set import QuarantinedRow
from rewardsmith.preferences.problems import REFUSED_BY_MODEL, BadRowError, shown
from rewardsmith.preferences.rows.optional_columns import LARGEST, read_number
from rewardsmith.preferences.unlabelled.streaming import ScoringRow, stream_rows

REASON, _NUMBERS = "finish_reason", ("logprob", "gold")
_REPORT_EVERY = 1000


@dataclass(frozen=True)
class SampleSet:
    """Samples ready for use. Rows of the input = rows of the table + quarantined ones, always."""

    table: pa.Table
    """Schema ``contracts.tables.SAMPLES``, in input order."""
    quarantine: list[QuarantinedRow]
    name: str
    sources: Mapping[str, str]
    """Name of each source -> fingerprint of its content."""
    columns_not_read: dict[str, int] = field(default_factory=dict)
    """Column -> rows in which it could be part of the conversation."""

    @property
    def quarantine_by_reason(self) -> dict[str, int]:
        """Reason code -> number of rows, the most frequent first."""
        return dict(Counter(bad.reason for bad in self.quarantine).most_common())


def load_samples(dataset: Any, options: RowOptions, refusals: Refusals = lambda _: {}) -> SampleSet:
    """Reads samples in any form in which `score` takes several responses to a prompt; of pairs, both responses.

    Whatever labels there are is not read. Columns besides: ``finish_reason``, ``logprob`` and ``gold``, a list with an
    entry for each response, and ``policy``, ``on_policy`` and ``seed`` of the row. Quarantined are rows with fewer than
    two responses, and those of which ``refusals`` names one.

    ``DataError`` where no row is usable, and with ``on_bad_row error`` at the first bad one.
    """
    stream = stream_rows(dataset, options)
    if stream.kind == "response":
        raise DataError(
            f"{stream.name} has one response in each row. Samples are several responses to one prompt: put them into a "
            "list, one row a prompt."
        )
    columns: dict[str, list[Any]] = {name: [] for name in SAMPLES.names}
    quarantine: list[QuarantinedRow] = []
    with progress("Reading samples", None) as bar:
        for row in stream.rows:
            try:
                for name, value in _sample(row, refusals).items():
                    columns[name].append(value)
            except BadRowError as problem:
                quarantine.append(row.set_aside(problem, options.on_bad_row))
            if (row.row + 1) % _REPORT_EVERY == 0:
                bar.advance(_REPORT_EVERY)
    if not columns["row"]:
        first = quarantine[0]
        raise DataError(
            f"{stream.name}: none of its {len(quarantine):,} rows is usable, the first at {first.file} line "
            f"{first.line}: {first.message}."
        )
    table = pa.table(columns, schema=SAMPLES)
    return SampleSet(table, quarantine, stream.name, stream.fingerprints, dict(stream.not_read))


def _sample(row: ScoringRow, refusals: Refusals) -> dict[str, Any]:
    """A row of ``SAMPLES``; a response that is missing leaves the lists, and its entries with it."""
    if row.problem is not None:
        raise row.problem
    there = [i for i, conversation in enumerate(row.conversations) if conversation is not None]
    if len(there) < 2:
        raise BadRowError("missing_field", "there are fewer than two responses")
    conversations = [[*(row.conversations[i] or ())] for i in there]
    prompt = conversations[0][:-1]
    if any(conversation[:-1] != prompt for conversation in conversations):
        raise BadRowError("different_prompts", "the responses belong to different prompts")
    for reason in refusals(conversations).values():
        raise BadRowError(REFUSED_BY_MODEL, reason)
    record: Mapping[str, object] = row.raw.record or {}
    lists = {name: _entries(record, name, len(row.conversations)) for name in (REASON, *_NUMBERS)}
    return {
        "row": row.row,
        "prompt_id": prompt_id(prompt),
        "prompt": prompt,
        "responses": [conversation[-1:] for conversation in conversations],
        REASON: _kept(lists[REASON], there, partial(_text, key=REASON)),
        **{name: _kept(lists[name], there, partial(_number, key=name)) for name in _NUMBERS},
        "policy": _text(record.get("policy"), "policy"),
        "on_policy": _yes_or_no(record.get("on_policy")),
        "seed": _seed(record.get("seed")),
    }


def _entries(record: Mapping[str, object], key: str, number: int) -> list[object] | None:
    """What a column says of each response, or None."""
    value = record.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != number:
        raise BadRowError("wrong_type", f'"{key}" is {shown(value)}, not a list of {number} as the responses are')
    return value


def _kept(values: list[object] | None, there: list[int], read: Callable[[object], Any]) -> list[Any] | None:
    return None if values is None else [read(values[i]) for i in there]


def _text(value: object, key: str) -> str | None:
    if value is None:
        return None
    text = str(value)
    if text != valid_text(text):
        raise BadRowError("bad_utf8", f'"{key}" holds half of a surrogate pair, which is no character')
    return text


def _number(value: object, key: str) -> float | None:
    number = read_number(value, key)
    if number is not None and abs(number) > LARGEST:
        raise BadRowError("out_of_range", f'"{key}" is {number:g}, beyond {LARGEST:g}')
    return number


def _yes_or_no(value: object) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise BadRowError("wrong_type", f'"on_policy" is {shown(value)}, not true or false')
    return value


def _seed(value: object) -> int | None:
    number = read_number(value, "seed")
    if number is None:
        return None
    seed = value if isinstance(value, int) else int(number)  # a float has no place for 64 bits
    if not (number.is_integer() and abs(seed) < 2**63):
        raise BadRowError("wrong_type", f'"seed" is {shown(value)}, not a whole number of 64 bits')
    return seed
