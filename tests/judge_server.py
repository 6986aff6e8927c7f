"""A chat model that judges by the number of times that a response says "good", behind the server of the tests."""

from __future__ import annotations

import json
import re
from typing import Any

from chat_server import Reply, choices
from rewardsmith.contracts.judge import ResponsePair
from rewardsmith.preferences.rows.messages import assistant, user

USAGE = {"prompt_tokens": 100, "completion_tokens": 10}


def pair(first: str, second: str, prompt: str = "Say something.") -> ResponsePair:
    return ResponsePair([user(prompt)], assistant(first), assistant(second))


def letter(body: dict[str, Any]) -> str:
    """A, B or C by which of the two responses that are shown says "good" more often."""
    text = body["messages"][-1]["content"]
    a, b = (re.search(rf"\[Response {side} begins\]\n(.*?)\n\[Response", text, re.DOTALL) for side in "AB")
    assert a and b
    gap = a[1].count("good") - b[1].count("good")
    return "A" if gap > 0 else "B" if gap < 0 else "C"


def said(body: dict[str, Any], text: str, **more: Any) -> Reply:
    """An answer with these words that says what it cost."""
    status, answer = choices(body, text, **more)[:2]
    return status, {**answer, "usage": USAGE}


def by_schema(body: dict[str, Any]) -> Reply:
    """As a server that holds to the schema."""
    return said(body, json.dumps({"explanation": "by the good ones", "verdict": letter(body)}))


def by_tag(body: dict[str, Any]) -> Reply:
    """As one that knows no schema, and says so."""
    if "response_format" in body:
        return 400, {"error": {"message": "response_format is not supported"}}
    return said(body, f"By the good ones.\n[[{letter(body)}]]")


def always(verdict: str) -> Any:
    """A judge that goes by position, or by nothing."""
    return lambda body: said(body, json.dumps({"explanation": "so", "verdict": verdict}))
