"""Options of refining. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_RECIPE = "auto"


@dataclass(frozen=True)
class RefineOptions:
    """What is refined, by which rules."""

    audit_dir: str = ""
    """Folder that `rewardsmith audit` wrote."""
    recipe: str = DEFAULT_RECIPE
    """Name of a recipe that comes with the package, or a YAML file of rules. `auto` takes `structured_drop` where the
    audit judges labels, `structured_drop_both` where it gives a reading order, and leaves every pair as given where it
    cannot tell or has no `p_wrong_structured`."""
    decisions: str | None = None
    """A person's decisions, JSON Lines or CSV: `pair_id` or `row`, and `decision` (keep, flip, tie, drop). The rule
    `decisions` of the recipe follows them; where it has none, they are followed after all its rules."""
    rounds: int = 1
    """Audit and refine again, each time with the repaired labels, until the doubtful pairs stay the same, at most
    this many times."""
