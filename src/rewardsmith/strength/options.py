"""Options of measuring preference strength. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class StrengthOptions:
    """The ensemble that judges every pair."""

    ensemble: Literal["probe", "given"] = "probe"
    """`probe`: heads fitted on frozen features. `given`: member scores that the rows already carry."""
    num_judges: int = 10
    """Repeats of cross-fitting (R): every pair is judged by exactly this many members that did not train on it."""
    num_folds: int = 5
    """Folds of each repeat (K): R * K members are trained, each on (K - 1) / K of the groups."""
    crossfit: Literal["groups", "none"] = "groups"
    """`none` trains every member on every pair, as in the paper; strengths are then in-sample only."""
    fold_by: Literal["prompt", "pair", "category"] = "prompt"
    """What stays together in a fold. Exact duplicates always do."""
    feature_dtype: Literal["float32", "bfloat16"] = "float32"
    """Number type of the trunk's forward pass; bfloat16 is about 3 times as fast where the processor has it."""
    given_chosen_key: str = "chosen_score_list"
    """With `given`: column of the members' rewards of the chosen response (a list, one number a member)."""
    given_rejected_key: str = "rejected_score_list"
    """With `given`: column of the members' rewards of the rejected response."""


@dataclass(frozen=True)
class SelfAuditOptions:
    """How the audit measures itself: known flips are planted, everything is refitted, and the finds are counted."""

    planted_rate: float = 0.2
    """Share of the pairs whose label is flipped on purpose; 0 switches the self-audit off."""
    planted_repeats: int = 1
    """Independent plantings of each kind (uniform, hard pairs)."""
    baselines: bool = True
    """Also run the rivals on the planted set: single-model loss, AUM, cleanlab's confident learning."""
