"""How the result of a verb reaches stdout."""

from __future__ import annotations

from typing import Any, Protocol


class Result(Protocol):
    """What a workflow gives back to its command."""

    def summary(self) -> dict[str, Any]:
        """The result in one JSON document."""
        ...

    def print(self, console: Any) -> None:
        """The result for a reader, on a rich console."""
        ...


def show_result(result: Result, as_json: bool) -> int:
    """Prints the result for a reader, then, if asked, one line of JSON as the last of stdout. Gives exit status 0."""
    from rich.console import Console

    from rewardsmith.artifacts.atomic import json_text

    result.print(Console())
    if as_json:  # in ASCII: whoever reads it need not guess an encoding
        print(json_text(result.summary(), where="--json", sort_keys=False, ascii_only=True), flush=True)
    return 0
