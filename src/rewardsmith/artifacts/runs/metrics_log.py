"""``metrics.jsonl``: one line a measurement, readable while the run goes on."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.files.atomic import write_jsonl


class MetricsLog:
    """Appends to a JSON-lines file; each line is on disk when ``log`` returns, and earlier lines stay."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def log(self, **fields: Any) -> None:
        """Appends one line. Numbers that are not finite become null, since a diverging run must still be logged."""
        line = json.dumps({name: _json_value(value) for name, value in fields.items()}, ensure_ascii=False)
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")

    def cut_back(self, step: int) -> None:
        """Drops the lines after a step, and a last line that was never finished: the run goes on from that step."""
        if not self.path.exists():
            return
        kept = []
        for line in self.path.read_text(encoding="utf-8").split("\n"):  # texts may hold other ends of lines
            try:
                fields = json.loads(line)
            except ValueError:
                continue
            if fields["step"] <= step:
                kept.append(fields)
        write_jsonl(self.path, kept)


def _json_value(value: Any) -> Any:
    if getattr(value, "ndim", None) == 0:  # a numpy or torch scalar
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
