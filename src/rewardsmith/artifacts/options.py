"""Options that every verb shares. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunOptions:
    """Where results go and how the run talks."""

    output_dir: str | None = None
    """Folder of the results; default: runs/<verb>-<name of the data set>."""
    overwrite: bool = False
    """Replace an output folder that already holds a finished run."""
    seed: int = 0
    """Seed of every random choice."""
    quiet: bool = False
    """No progress on stderr."""
    json: bool = False
    """Make the last line of stdout one JSON document."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""


@dataclass(frozen=True)
class FileRunOptions:
    """Whether a file may be replaced, and how the run talks."""

    overwrite: bool = False
    """Replace a file that is there."""
    quiet: bool = False
    """No progress on stderr."""
    json: bool = False
    """Make the last line of stdout one JSON document."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""
