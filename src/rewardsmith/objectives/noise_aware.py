"""Learning from labels that err at known rates (forward correction: Patrini et al. 2017, arXiv 1609.03683).

With s = gap - margin, r_chosen the probability that chosen is labelled better though it is worse, and r_rejected that
of rejected,

    P(chosen is labelled better) = (1 - r_rejected) sigmoid(s) + r_chosen (1 - sigmoid(s))

The gradient of this likelihood is that of the plain loss at the target that model and label together make likely, so
the correction is a value of the target, which follows the model.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def believed_target(
    shifted: Float[Tensor, "*shape"],
    target: Float[Tensor, "*shape"],
    chosen_rate: Float[Tensor, "*shape"],
    rejected_rate: Float[Tensor, "*shape"],
) -> Float[Tensor, "*shape"]:
    """P(chosen is better) by gap less margin and by the label; a soft label mixes the answers to both labels."""
    if_chosen = (shifted + torch.log1p(-rejected_rate) - chosen_rate.log()).sigmoid()  # 1 at a rate of 0
    if_rejected = (shifted + rejected_rate.log() - torch.log1p(-chosen_rate)).sigmoid()  # and 0
    if_chosen, if_rejected = if_chosen.nan_to_num(), if_rejected.nan_to_num()  # of a label that nobody ever gives
    return target * if_chosen + (1 - target) * if_rejected
