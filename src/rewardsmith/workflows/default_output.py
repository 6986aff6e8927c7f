"""Where a run writes when no --output_dir is given."""

from __future__ import annotations

import re
from pathlib import Path

RUNS = Path("runs")


def default_output(verb: str, dataset_name: str) -> Path:
    """``runs/<verb>-<name>``, with only letters, digits, dots, dashes and underscores in the name."""
    slug = re.sub(r"[^\w.-]+", "-", dataset_name).strip("-.") or "set"
    return RUNS / f"{verb}-{slug[:60]}"
