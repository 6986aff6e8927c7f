"""Demonstrations: responses that somebody wrote to prompts, with nothing to compare them to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rewardsmith.contracts.conversations import Conversation, Refusals, as_text
from rewardsmith.errors import DataError
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.pairs.preference_set import QuarantinedRow
from rewardsmith.preferences.problems import REFUSED_BY_MODEL, BadRowError
from rewardsmith.preferences.unlabelled.streaming import ScoringRow, stream_rows


@dataclass(frozen=True)
class DemonstrationSet:
    """Conversations that end with a demonstration, in input order, and the rows that hold none."""

    conversations: list[Conversation]
    quarantine: list[QuarantinedRow]
    name: str
    num_rows: int
    sources: Mapping[str, str]
    """Name of each source -> fingerprint of its content."""
    columns_not_read: dict[str, int]
    """Column -> rows in which it could be part of the conversation."""

    @property
    def quarantine_by_reason(self) -> dict[str, int]:
        """Reason code -> number of rows, the most frequent first."""
        return dict(Counter(bad.reason for bad in self.quarantine).most_common())


def load_demonstrations(dataset: Any, options: RowOptions, refusals: Refusals = lambda _: {}) -> DemonstrationSet:
    """Reads whatever `score` reads: each response, and of a pair the one that its label calls better.

    Quarantined are ties, pairs of weight 0, rows with an empty response, and those of which ``refusals`` names one.
    ``DataError`` where no row is usable, and with ``on_bad_row error`` at the first bad one.
    """
    stream = stream_rows(dataset, options)
    conversations: list[Conversation] = []
    quarantine: list[QuarantinedRow] = []
    num_rows = 0
    for row in stream.rows:
        num_rows += 1
        try:
            conversations += _demonstrated(row, refusals)
        except BadRowError as problem:
            quarantine.append(row.set_aside(problem, options.on_bad_row))
    if not conversations:
        first = quarantine[0]
        raise DataError(
            f"{stream.name}: none of its {num_rows:,} rows holds a demonstration, the first at {first.file} line "
            f"{first.line}: {first.message}."
        )
    return DemonstrationSet(
        conversations, quarantine, stream.name, num_rows, stream.fingerprints, dict(stream.not_read)
    )


def _demonstrated(row: ScoringRow, refusals: Refusals) -> list[Conversation]:
    if row.problem is not None:
        raise row.problem
    found = list(_present(row.conversations)) if row.labelled is None else [better(row.labelled())]
    if not all(as_text(conversation[-1]).strip() for conversation in found):
        raise BadRowError("empty_field", "the response is empty: there is nothing to learn from it")
    for reason in refusals(found).values():
        raise BadRowError(REFUSED_BY_MODEL, reason)
    return found


def better(pair: Pair) -> Conversation:
    """The prompt with the response that the label calls better; ``BadRowError`` where it calls neither so."""
    if not pair.weight:
        raise BadRowError("undecided", "the pair weighs 0: nothing is to be learned from it")
    if pair.target == 0.5:
        raise BadRowError("undecided", "the label calls neither response better")
    return [*pair.prompt, pair.chosen if pair.target > 0.5 else pair.rejected]


def _present(conversations: list[Conversation | None]) -> Iterator[Conversation]:
    return (conversation for conversation in conversations if conversation is not None)
