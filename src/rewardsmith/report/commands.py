"""Commands that a report gives to copy."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

LANGUAGE_MODEL = "Qwen/Qwen3-0.6B"
"""What training starts from there."""


def command_words(options: Mapping[str, Any]) -> list[str]:
    """Options as the command line takes them, the data set first and without its flag."""
    words = []
    for name, value in options.items():
        if value is None:
            continue
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no_{name}")
        elif name == "dataset_name" and not str(value).startswith("-"):
            words.insert(0, shlex.quote(str(value)))
        else:
            words.append(f"--{name}{'=' if str(value).startswith('-') else ' '}{shlex.quote(str(value))}")
    return words
