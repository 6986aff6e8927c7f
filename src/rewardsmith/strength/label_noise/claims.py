"""How much an audit may say: the labels one by one, an order in which to read them, or nothing.

The self-audit decides. Judges that do not find flips known to be there cannot be believed on flips that nobody knows,
and a share of wrong labels that cannot be told leaves no count to print.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewardsmith.contracts.metrics.audit import ClaimNumbers, Doubt
from rewardsmith.contracts.metrics.planted import PlantedNumbers
from rewardsmith.strength.label_noise.posterior import MIN_GROUPS, LabelNoise

FINDS_SOME = 0.5
"""Lower end of the AUROC of uniform flips above which an order of the labels is surely better than chance."""
FINDS_MANY = 0.75
"""The least at which labels are judged one by one."""
MOSTLY = 0.5
"""Share of the flagged labels that must be wrong even at the low end of the share of wrong labels."""
FEWEST = 0.01
"""Least low end of that share at which labels are flagged at all: in a set without errors every flag is false."""
DOUBTS: dict[Doubt, str] = {
    "no_judges": "no pair was judged by two members or more",
    "in_sample": "every judge trained on the labels that it judges",
    "finds_no_flips": "its judges do not find labels flipped on purpose",
    "finds_few_flips": "its judges find too few of the labels flipped on purpose",
    "not_measured": "no labels were flipped on purpose to measure its judges by",
    "few_groups": "there are too few groups of prompts",
    "not_identifiable": "the share of wrong labels cannot be told",
    "few_may_be_wrong": "so few labels may be wrong that most of those it doubts would be right",
}
"""What each doubt means, as a part of a sentence about the audit."""


def claim_numbers(
    noise: LabelNoise | None, planted: Sequence[PlantedNumbers], in_sample: bool, flagged_at_least: float | None
) -> ClaimNumbers:
    """The level, and every doubt that keeps it from being a higher one.

    ``flagged_at_least``: share of the flagged labels that are wrong at the low end of ``noise``; None: none flagged.
    """
    if noise is None:
        return {"level": "cannot_tell", "doubts": ["no_judges"]}
    if in_sample:
        return {"level": "cannot_tell", "doubts": ["in_sample"]}
    least = _least_auroc(planted)
    if least is not None and least <= FINDS_SOME:
        return {"level": "cannot_tell", "doubts": ["finds_no_flips"]}
    doubts: list[Doubt] = []
    if least is None:
        doubts.append("not_measured")
    elif least < FINDS_MANY:
        doubts.append("finds_few_flips")
    if noise.num_groups < MIN_GROUPS:
        doubts.append("few_groups")
    elif not noise.identifiable:
        doubts.append("not_identifiable")
    if flagged_at_least is not None and (flagged_at_least < MOSTLY or noise.low < FEWEST):
        doubts.append("few_may_be_wrong")
    return {"level": "reading_order" if doubts else "labels_judged", "doubts": doubts}


def _least_auroc(planted: Sequence[PlantedNumbers]) -> float | None:
    """The lower end of the interval of uniform flips; None where none were planted.

    The value where there is no interval: the pairs are too many to resample, or the groups so few that no more than an
    order is claimed of them.
    """
    for found in planted:
        if found["kind"] == "uniform":
            auroc = found["auroc"]
            return auroc["value"] if auroc["low"] is None else auroc["low"]
    return None
