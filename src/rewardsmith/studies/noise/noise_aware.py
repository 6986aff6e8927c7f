"""A loss that knows how often labels err (forward correction: Patrini et al. 2017, arXiv 1609.03683).

With r_0 the probability that chosen is labelled better though it is worse, and r_1 that of rejected,

    P(chosen is labelled better | x) = (1 - r_1) sigmoid(x b) + r_0 (1 - sigmoid(x b))

maximised by expectation and maximisation: the belief in each label by what the head says of it, then the head by these
beliefs. The likelihood has several maxima; this finds the one next to the plain head.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from rewardsmith.studies.noise.heads import Labels, fit_arms

NUM_ROUNDS = 12


def fit_noise_aware(
    rows: Float[Tensor, "N E"],
    labels: Labels,
    rates: Float[Tensor, "N 2 T"],
    l2: Float[Tensor, " T"],
    start: Float[Tensor, "T E"],
) -> Float[Tensor, "T E"]:
    """Heads from those of the plain loss. ``rates``: r_0 and r_1, P(labelled better | worse) of chosen and of rejected,
    in this order."""
    # Errors shrink a head by about what labels and truth correlate.
    heads = start / (1 - rates.sum(1).mean(0)).clamp(min=0.1)[:, None]
    for _ in range(NUM_ROUNDS):
        heads = fit_arms(
            rows, Labels(believed(rows @ heads.T, labels.target, rates), labels.margin, labels.weight), l2, heads
        )
    return heads


def believed(
    gaps: Float[Tensor, "N T"], target: Float[Tensor, "N T"], rates: Float[Tensor, "N 2 T"]
) -> Float[Tensor, "N T"]:
    """P(chosen is better) by gap and label; a soft label mixes the two."""
    better, worse = gaps.sigmoid(), (-gaps).sigmoid()
    r_0, r_1 = rates[:, 0], rates[:, 1]
    if_chosen = (1 - r_1) * better / ((1 - r_1) * better + r_0 * worse).clamp(min=1e-30)
    if_rejected = r_1 * better / (r_1 * better + (1 - r_0) * worse).clamp(min=1e-30)
    return target * if_chosen + (1 - target) * if_rejected
