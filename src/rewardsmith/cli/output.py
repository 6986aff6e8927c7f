"""What a command prints: results on stdout, and messages in its words (`max_length` is its flag --max_length)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rewardsmith.artifacts.config.flat_config import flatten, leaf_types
from rewardsmith.artifacts.terminal.progress import worded
from rewardsmith.errors import RewardsmithError

_NAME = re.compile(r"`(\w+)`")


class Result(Protocol):
    """What a workflow gives back to its command."""

    def summary(self) -> dict[str, Any]:
        """The result in one JSON document."""
        ...

    def print(self, console: Any) -> None:
        """The result for a reader, on a rich console."""
        ...


def show_result(result: Result, config: Any) -> int:
    """Prints the result for a reader, then, with ``json``, one line of JSON as the last of stdout. Gives the status."""
    status: int = getattr(result, "exit_status", 0)
    if not talks():
        return status
    from rewardsmith.artifacts.files.atomic import json_text
    from rewardsmith.cli.console import escaping_console

    result.print(escaping_console())
    if flatten(config)["json"]:  # in ASCII: whoever reads it need not guess an encoding
        print(json_text(result.summary(), where="--json", sort_keys=False, ascii_only=True), flush=True)
    return status


def talks() -> bool:
    """Whether this process does; of several, one."""
    return os.environ.get("RANK", "0") == "0"


def with_flags(message: str, config_class: type) -> str:
    """The message with every backticked name of an option, or of its opposite (`no_...`), as a flag."""
    options = leaf_types(config_class)

    def flag(name: re.Match[str]) -> str:
        known = name[1] in options or options.get(name[1].removeprefix("no_")) is bool
        return f"--{name[1]}" if known else name[0]

    return _NAME.sub(flag, message)


@contextmanager
def speaking_in_flags(config_class: type) -> Iterator[None]:
    """Rewords notes, and errors on their way out, while a command with these options runs."""
    try:
        with worded(lambda message: with_flags(message, config_class)):
            yield
    except RewardsmithError as error:
        error.args = (with_flags(str(error), config_class),)
        raise
