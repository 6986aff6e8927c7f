"""What the first, the best and the last policy answer to the same prompts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rewardsmith.contracts.conversations import as_text
from rewardsmith.contracts.metrics.iterate import IterateFindings
from rewardsmith.preferences.rows.messages import read_prompt, read_response
from rewardsmith.report.differences import Run
from rewardsmith.report.galleries import Text, Turn, shown
from rewardsmith.report.iterate.words import policy_of
from rewardsmith.report.numbers import decimal

NUM_SHOWN = 6
"""Prompts: the first of the file, and of each answer the first, so that nobody has chosen them."""
WORTH = ("gold", "judged")
"""Columns of what a response is worth, the best one first."""


@dataclass(frozen=True)
class Answer:
    """Of one policy."""

    policy: str
    text: Text
    worth: str


@dataclass(frozen=True)
class AnsweredPrompt:
    """A prompt with an answer of each policy."""

    turns: list[Turn]
    answers: list[Answer]


def answered_prompts(metrics: IterateFindings, folder: Path) -> list[AnsweredPrompt]:
    """The first prompts with their first answers; none where some policy's are not in the folder."""
    last, best = len(metrics["rounds"]), metrics["best_round"]
    numbers = dict.fromkeys(number for number in (0, best, last) if number is not None)
    names = {number: _name(number, best, last) for number in sorted(numbers)}
    files = [folder / policy_of(metrics, number)["samples"] for number in names]
    if len(names) < 2 or not all(file.is_file() for file in files):
        return []
    rows = zip(*map(_first_rows, files), strict=True)
    return [
        AnsweredPrompt(
            turns=[Turn(m["role"], shown([Run(as_text(m), False)])) for m in read_prompt(first["prompt"], "prompt")],
            answers=[_answer(name, row) for name, row in zip(names.values(), (first, *others), strict=True)],
        )
        for first, *others in rows
    ]


def _name(number: int, best: int | None, last: int) -> str:
    words = [name for name, at in (("best", best), ("last", last)) if at == number]
    return ", ".join((f"round {number}" if number else "first policy", *words))


def _first_rows(file: Path) -> list[Mapping[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in islice(lines, NUM_SHOWN)]


def _answer(name: str, row: Mapping[str, Any]) -> Answer:
    text = as_text(read_response(row["responses"][0], "responses"))
    worth = next((f"{column} {decimal(row[column][0])}" for column in WORTH if column in row), "")
    return Answer(name, shown([Run(text, False)]), worth)
