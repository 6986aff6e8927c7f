"""Which recipe it is to be, by what the audit may say of the labels (``strength/label_noise/claims.py``)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from rewardsmith.contracts.metrics.audit import ClaimNumbers
from rewardsmith.refining.effects import JUDGED
from rewardsmith.refining.options import DEFAULT_RECIPE
from rewardsmith.refining.recipe import Recipe
from rewardsmith.strength.label_noise.claims import DOUBTS


@dataclass(frozen=True)
class Choice:
    """Which recipe it is to be."""

    name_or_path: str
    why: str | None = None
    """For a reader; None where the user named it."""
    warnings: list[str] = field(default_factory=list)
    """``claim_warnings`` of the recipe that the user named."""


def choose_recipe(asked_for: str, strengths: pa.Table, claim: ClaimNumbers) -> Choice:
    """What was asked for; by default what the noise study supports (``docs/results/repairing_labels.md``) and the audit
    can bear.

    Where labels are judged that is ``structured_drop``, at a reading order ``structured_drop_both``; ``none`` where the
    audit cannot tell, and where it has not what those go by.
    """
    if asked_for != DEFAULT_RECIPE:
        return Choice(asked_for)
    limit = limits(claim)
    if claim["level"] == "cannot_tell":
        return Choice("none", f"No recipe was named, and the audit changes nothing: it {limit}.")
    name = "p_wrong_structured"
    if name not in strengths.column_names or not pc.any(pc.is_valid(strengths[name])).as_py():
        return Choice(
            "none",
            f"No recipe was named, and the audit changes nothing: it has no {name} (audits by a probe have it), and no "
            "recipe that does without was clearly better than plain training on more than one set of the noise study.",
        )
    if claim["level"] == "reading_order":
        return Choice(
            "structured_drop_both",
            f"No recipe was named, and the audit {limit}. So only pairs are left out whose label is more likely wrong "
            "than right by p_wrong and by p_wrong_structured; structured_drop goes by the latter alone.",
        )
    return Choice(
        "structured_drop",
        "No recipe was named: this one was clearly better than plain training over planted noise of all kinds, "
        "by what it repairs where errors follow length (docs/results/repairing_labels.md). "
        "`rewardsmith study noise` asks your own data.",
    )


def limits(claim: ClaimNumbers) -> str | None:
    """What the audit does instead of judging labels, and why, ``gives only ... (...)``; None where it judges them."""
    if claim["level"] == "labels_judged":
        return None
    said = "cannot tell which labels are wrong" if claim["level"] == "cannot_tell" else "gives only a reading order"
    why = " and ".join(DOUBTS[doubt] for doubt in claim["doubts"])
    return f"{said} ({why})"


def claim_warnings(recipe: Recipe, claim: ClaimNumbers) -> list[str]:
    """What is to be said where a recipe by name asks more of the audit than it may say; a line each.

    Nothing where labels are judged, and where no rule goes by judges.
    """
    limit = limits(claim)
    if limit is None or not recipe.reads & JUDGED:
        return []
    found = [f"The audit {limit}; the recipe {recipe.name} is applied as asked."]
    for number, rule in enumerate(recipe.rules, 1):
        classes = rule.where.strength_class or ()
        missing = [name for name in classes if name == "incorrect" or claim["level"] == "cannot_tell"]
        if missing:
            nobody = ", and is for nobody" if len(missing) == len(classes) else ""
            asked = " or ".join(missing)
            found.append(f"Rule {number} ({rule.name}) asks for strength_class {asked}, which no pair has{nobody}.")
    return found


def warning_of_rates(claim: ClaimNumbers) -> str | None:
    """What is to be said where a loss goes by the audit's error rates."""
    limit = limits(claim)
    return limit and f"The audit {limit}; its error rates are used as asked."
