"""The configuration of `show`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg


@dataclass(frozen=True)
class ShowConfig:
    """Prints pairs of an audit for reading, the most doubtful first: why each is doubted, and where its texts differ.

    p_wrong is the probability that the label is wrong, strength by how much the judges prefer chosen to rejected
    (logits, mean ± spread). Rows count from 0, as in the input.

    Examples:
      rewardsmith show runs/audit-prefs
      rewardsmith show runs/audit-prefs --class ambiguous --top 5
      rewardsmith show runs/audit-prefs --category coding --full
      rewardsmith show runs/audit-prefs --row 17 --json
    """

    audit_dir: str = ""
    """Folder that `rewardsmith audit` wrote; a word on its own is taken for it."""
    top: int = 20
    """Pairs to print."""
    class_: Annotated[str | None, arg(name="class")] = None
    """Only pairs of this class: `incorrect`, `ambiguous` (nearest to strength 0 first), `normal` or `strong`."""
    category: str | None = None
    """Only pairs of this category."""
    row: int | None = None
    """Exactly the pair in this row of the input."""
    full: bool = False
    """Print texts whole, and every turn of the prompt."""
    json: bool = False
    """Make the last line of stdout one JSON document."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""
