"""Reading back JSON Lines of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The object of each line. Only a line feed ends one: texts hold the other separators of Unicode as they are."""
    with path.open(encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]
