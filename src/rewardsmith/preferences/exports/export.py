"""What an export is: who reads it, what that reader understands, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa


@dataclass(frozen=True)
class Export:
    """The form in which one consumer reads preferences."""

    name: str
    """Value of ``--to``."""
    consumer: str
    """What trains on it, in a few words."""
    reads: frozenset[str]
    """Those of target, margin and weight that the consumer uses."""
    write: Callable[[pa.Table, Path, str], None]
    """Writes oriented pairs to a file, or into a folder that exists. The text is the set's name."""
    hint: str
    """How the consumer is told to read it; ``{path}`` and ``{name}`` are filled in."""
    is_folder: bool = False
    takes_roles: Callable[[Sequence[str]], bool] | None = None
    """Whether the consumer takes a prompt whose turns have these roles; None: it takes all."""
