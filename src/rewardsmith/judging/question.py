"""What a chat model is asked of two responses, and how its answer is read.

It answers with a JSON object where the server holds it to a schema, else with a tag; in both the explanation comes
before the verdict, so that it can bear on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from rewardsmith.contracts.conversations import as_text
from rewardsmith.contracts.judge import Outcome, ResponsePair
from rewardsmith.judging.rubric import Rubric
from rewardsmith.tokens.transcript import encoder_prompt

Form = Literal["schema", "tag"]
FORMS: tuple[Form, ...] = ("schema", "tag")
"""In the order in which they are tried."""

WORDS: dict[Form, str] = {
    "schema": (
        "First explain in a few sentences how the responses differ in what matters; then decide. Answer with one JSON "
        'object and nothing else: {"explanation": "...", "verdict": "A"}, where the verdict is "A" if Response A is '
        'better, "B" if Response B is better, and "C" for a tie.'
    ),
    "tag": (
        "First explain in a few sentences how the responses differ in what matters; then decide. End with a line that "
        "holds your verdict alone: [[A]] if Response A is better, [[B]] if Response B is better, [[C]] for a tie."
    ),
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"explanation": {"type": "string"}, "verdict": {"type": "string", "enum": ["A", "B", "C"]}},
    "required": ["explanation", "verdict"],
    "additionalProperties": False,
}
RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA}}

OUTCOME_OF: dict[str, Outcome] = {"A": "win", "B": "lose", "C": "tie"}
TAG, THOUGHT = re.compile(r"\[\[\s*([ABC])\s*\]\]"), re.compile(r"<think>.*?(</think>|$)", re.DOTALL)


def ask(rubric: Rubric, pair: ResponsePair, form: Form) -> dict[str, Any]:
    """The fields of a request that depend on the pair: the first response is shown first, as A."""
    parts = [
        rubric.instructions,
        f"[Conversation begins]\n{encoder_prompt(pair.prompt)}\n[Conversation ends]",
        f"[Response A begins]\n{as_text(pair.first)}\n[Response A ends]",
        f"[Response B begins]\n{as_text(pair.second)}\n[Response B ends]",
        WORDS[form],
    ]
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": "\n\n".join(parts)}]}
    return {**asked, "response_format": RESPONSE_FORMAT} if form == "schema" else asked


@dataclass(frozen=True)
class Opinion:
    """What an answer says of the response that was shown first."""

    outcome: Outcome
    explanation: str


def read_opinion(text: str) -> Opinion | None:
    """What an answer says, in whichever of the two forms; None where nobody can tell.

    Of several verdicts the last one counts; tags on one line that say different things say nothing.
    """
    text = THOUGHT.sub("", text)
    for found in reversed(list(_objects(text))):
        verdict = found.get("verdict")
        if isinstance(verdict, str) and (letter := verdict.strip().strip("[]").upper()) in OUTCOME_OF:
            return Opinion(OUTCOME_OF[letter], str(found.get("explanation") or "").strip())
    lines = [line for line in text.splitlines() if TAG.search(line)]
    if not lines or len(letters := set(TAG.findall(lines[-1]))) > 1:
        return None
    return Opinion(OUTCOME_OF[letters.pop()], TAG.sub("", text).strip())


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text, whatever stands around them."""
    decoder, place = json.JSONDecoder(strict=False), 0
    while (place := text.find("{", place)) >= 0:
        try:
            value, place = decoder.raw_decode(text, place)
        except ValueError:
            place += 1
            continue
        if isinstance(value, dict):
            yield value
