"""The recipe of those who name none: what the noise study supports (``docs/experiments.md``)."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from rewardsmith.refining.options import DEFAULT_RECIPE


@dataclass(frozen=True)
class Choice:
    """Which recipe it is to be."""

    name_or_path: str
    why: str | None = None
    """For a reader; None where the user named it."""


def choose_recipe(asked_for: str, strengths: pa.Table) -> Choice:
    """What was asked for; by default ``structured_drop`` where an audit has what it goes by, otherwise ``none``."""
    if asked_for != DEFAULT_RECIPE:
        return Choice(asked_for)
    name = "p_wrong_structured"
    if name in strengths.column_names and pc.any(pc.is_valid(strengths[name])).as_py():
        return Choice(
            "structured_drop",
            "No --recipe was named: this one was clearly better than plain training over planted noise of all kinds, "
            "by what it repairs where errors follow length (docs/experiments.md). `rewardsmith study noise` asks your "
            "own data.",
        )
    return Choice(
        "none",
        f"No --recipe was named, and every pair is as given: the audit has no {name} (--ensemble probe has), and no "
        "recipe that does without was clearly better than plain training on more than one set of the noise study.",
    )
