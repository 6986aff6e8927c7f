"""Where a run writes: a place named after verb and data set unless it is told, and never over what it reads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from rewardsmith.errors import ConfigError

RUNS = Path("runs")


def default_output(verb: str, dataset_name: str) -> Path:
    """``runs/<verb>-<name>``, with only letters, digits, dots, dashes and underscores in the name."""
    slug = re.sub(r"[^\w.-]+", "-", dataset_name).strip("-.") or "set"
    return RUNS / f"{verb}-{slug[:60]}"


def refuse_inputs(flag: str, output: str | Path, inputs: Iterable[str | Path]) -> None:
    """``ConfigError`` where ``output`` is one of the inputs, or a folder that holds one. Names without a file pass."""
    target = Path(output).resolve()
    for name in inputs:
        read = Path(name).resolve()
        if read.exists() and (target == read or target in read.parents):
            raise ConfigError(f"{flag} {output}: {name} is read from there and would be replaced. Choose another.")
