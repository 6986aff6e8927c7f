"""The prompts of `embedded/dialogues`, from the text files in `prompts/`, one file a category.

Records are separated by a blank line. A line starts with `S:` (system message), `Q:` (user), `A:` (assistant) or `=`
(a reference answer, optional). In a reference, `{right|wrong|wrong}` marks a claim and what it may be changed into,
and `\\n` is a line break.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROLES = {"S:": "system", "Q:": "user", "A:": "assistant"}
CLAIM = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Prompt:
    """One prompt, its category, and its reference with marked claims where it has one."""

    key: str
    category: str
    messages: tuple[tuple[str, str], ...]
    reference: str | None

    def as_messages(self) -> list[dict[str, str]]:
        return [{"role": role, "content": content} for role, content in self.messages]


def read_prompts(folder: Path) -> list[Prompt]:
    """Every prompt, in the order of the files' names and of their lines. Bad lines end the run with their place."""
    prompts = []
    for path in sorted(folder.glob("*.txt")):
        records = re.split(r"\n\s*\n", path.read_text(encoding="utf-8").strip())
        for number, record in enumerate(records):
            prompts.append(_parse(record, path.stem, f"{path.stem}-{number:03d}"))
    return prompts


def _parse(record: str, category: str, key: str) -> Prompt:
    messages: list[tuple[str, str]] = []
    reference = None
    for line in record.splitlines():
        if line.startswith("= "):
            reference = line[2:].strip().replace("\\n", "\n")
        elif line[:2] in ROLES:
            messages.append((ROLES[line[:2]], line[2:].strip()))
        else:
            raise ValueError(f"{key}: cannot read the line {line!r}")
    if not messages or messages[-1][0] != "user" or (reference and len(CLAIM.findall(reference)) < 1):
        raise ValueError(f"{key}: a record ends with a user turn, and its reference marks at least one claim")
    return Prompt(key, category, tuple(messages), reference)


def claims(reference: str) -> list[list[str]]:
    """The marked claims: each a list whose first entry is right."""
    return [claim.split("|") for claim in CLAIM.findall(reference)]


def write_out(reference: str, choices: list[int]) -> str:
    """The reference as text, with the given alternative of each claim (0 = right)."""
    options = iter(zip(claims(reference), choices, strict=True))

    def fill(_: re.Match[str]) -> str:
        alternatives, choice = next(options)
        return alternatives[choice]

    return CLAIM.sub(fill, reference)
