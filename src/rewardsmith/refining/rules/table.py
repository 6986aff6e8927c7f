"""Every rule by its name in recipes."""

from __future__ import annotations

from rewardsmith.refining.rules.adaptive_margin import AdaptiveMargin
from rewardsmith.refining.rules.decisions import Decisions
from rewardsmith.refining.rules.influence_weights import InfluenceWeights
from rewardsmith.refining.rules.labels import Drop, Flip, Smooth, Tie
from rewardsmith.refining.rules.reweight import Reweight
from rewardsmith.refining.rules.rule import Rule
from rewardsmith.refining.rules.soft_label import SoftLabel

_RULES: tuple[type[Rule], ...] = (
    Drop,
    Flip,
    Smooth,
    SoftLabel,
    Tie,
    Reweight,
    InfluenceWeights,
    AdaptiveMargin,
    Decisions,
)
RULES = {rule.name: rule for rule in _RULES}
