"""How the result of a verb reaches stdout."""

from __future__ import annotations

import os
from typing import Any, Protocol

from rewardsmith.artifacts.flat_config import flatten


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
    if os.environ.get("RANK", "0") != "0":  # of several processes one talks
        return status
    from rich.console import Console

    from rewardsmith.artifacts.atomic import json_text

    result.print(Console())
    if flatten(config)["json"]:  # in ASCII: whoever reads it need not guess an encoding
        print(json_text(result.summary(), where="--json", sort_keys=False, ascii_only=True), flush=True)
    return status
