"""Prompts and responses of several shapes."""

from __future__ import annotations

from typing import Any


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


ANSWERED: list[tuple[Any, str]] = [
    (user("Say hi."), "Hi!"),
    (user("Say hi."), "No."),
    ([{"role": "system", "content": "Be short."}, *user("Why is the sky blue?")], "Short waves scatter more."),
    ([*user("A?"), {"role": "assistant", "content": "B"}, *user("C?")], "naïve — D, of course \U0001f600."),
    (user("Say nothing."), ""),
]
