"""What one policy answered: prompts with one response or several, in any form that ``score`` reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rewardsmith.contracts.conversations import Conversation, Message
from rewardsmith.errors import DataError
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.pairs.identity import prompt_id
from rewardsmith.preferences.pairs.preference_set import QuarantinedRow
from rewardsmith.preferences.problems import BadRowError, shown
from rewardsmith.preferences.rows.optional_columns import read_number
from rewardsmith.preferences.unlabelled.streaming import ScoringRow, stream_rows

GOLD = "gold"


@dataclass(frozen=True)
class Answer:
    """One response."""

    response: Message
    gold: float | None
    """Its true reward, where that is known."""


@dataclass(frozen=True)
class AnswerSet:
    """Answers by prompt, in the order of the input; rows with the same prompt go together."""

    name: str
    prompts: dict[str, Conversation]
    """By ``prompt_id``."""
    answers: dict[str, list[Answer]]
    num_rows: int
    quarantine: list[QuarantinedRow]
    sources: Mapping[str, str]
    """Name of each source -> fingerprint of its content."""
    columns_not_read: dict[str, int] = field(default_factory=dict)

    @property
    def num_answers(self) -> int:
        return sum(map(len, self.answers.values()))

    @property
    def quarantine_by_reason(self) -> dict[str, int]:
        """Reason code -> number of rows, the most frequent first."""
        return dict(Counter(bad.reason for bad in self.quarantine).most_common())


def load_answers(dataset: Any, options: RowOptions) -> AnswerSet:
    """Reads them. A column ``gold`` is a number, or a list with one for each response.

    ``DataError`` for pairs, where no row is usable, and with ``on_bad_row error`` at the first bad row.
    """
    stream = stream_rows(dataset, options)
    if stream.kind == "pair":
        raise DataError(
            f"{stream.name} holds pairs, and of a file to be compared every row is a prompt with what one policy "
            "answered. To judge pairs beside their labels, name the set with `judge_truth`."
        )
    prompts: dict[str, Conversation] = {}
    answers: dict[str, list[Answer]] = {}
    bad: list[QuarantinedRow] = []
    num_rows = 0
    for row in stream.rows:
        num_rows += 1
        try:
            prompt, found = _answers(row)
        except BadRowError as problem:
            bad.append(row.set_aside(problem, options.on_bad_row))
            continue
        name = prompt_id(prompt)
        prompts.setdefault(name, prompt)
        answers.setdefault(name, []).extend(found)
    if not prompts:
        first = f", the first at {bad[0].file} line {bad[0].line}: {bad[0].message}" if bad else ""
        raise DataError(f"{stream.name}: none of its {num_rows:,} rows is usable{first}.")
    return AnswerSet(stream.name, prompts, answers, num_rows, bad, stream.fingerprints, dict(stream.not_read))


def _answers(row: ScoringRow) -> tuple[Conversation, list[Answer]]:
    if row.problem is not None:
        raise row.problem
    there = [talk for talk in row.conversations if talk is not None]
    prompt = there[0][:-1]
    if any(talk[:-1] != prompt for talk in there):
        raise BadRowError("different_prompts", "the responses belong to different prompts")
    gold = (row.raw.record or {}).get(GOLD)
    golds = gold if isinstance(gold, list) else [gold] * len(row.conversations)
    if len(golds) != len(row.conversations):
        raise BadRowError("wrong_type", f'"{GOLD}" is {shown(gold)}, not one number for each response')
    pairs = zip(row.conversations, golds, strict=True)
    return prompt, [Answer(talk[-1], read_number(value, GOLD)) for talk, value in pairs if talk is not None]
