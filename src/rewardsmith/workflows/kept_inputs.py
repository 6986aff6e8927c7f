"""No run replaces what it reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rewardsmith.errors import ConfigError


def refuse_inputs(flag: str, output: str | Path, inputs: Iterable[str | Path]) -> None:
    """``ConfigError`` where ``output`` is one of the inputs, or a folder that holds one. Names without a file pass."""
    target = Path(output).resolve()
    for name in inputs:
        read = Path(name).resolve()
        if read.exists() and (target == read or target in read.parents):
            raise ConfigError(f"{flag} {output}: {name} is read from there and would be replaced. Choose another.")
