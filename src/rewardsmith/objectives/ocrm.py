"""Weights of pairs by how likely a policy would make them (OCRM, arXiv 2507.15507).

Preferences were drawn from a policy pi_0, and a reward model is asked about what pi writes. With the ratios of both
responses of a pair,

    w = exp(c (log pi / pi_0 of chosen + log pi / pi_0 of rejected))

is the importance weight at c = 1, and at a small c a tempered one of far less variance. It takes log-probabilities and
no labels.
"""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

LARGEST_FACTOR = 10.0
"""A weight is at most so many times the usual one, and at least that part of it. Ours."""


def off_policy_weights(log_ratios: Float[Tensor, "2 B"], coefficient: float) -> Float[Tensor, " B"]:
    """Weights of mean 1, from log pi - log pi_0 of chosen and rejected responses in nats.

    They are first clipped to a tenth and ten times their geometric mean. A constant added to all ratios changes
    nothing, and neither does it matter which response was chosen. Equal policies, or c = 0: all weights are 1.
    ``ValueError`` for a ratio that is not a finite number.
    """
    if not bool(log_ratios.isfinite().all()):
        raise ValueError(f"{int((~log_ratios.isfinite()).sum())} of {log_ratios.numel()} log-ratios are not finite")
    exponents = coefficient * log_ratios.double().sum(0)
    limit = math.log(LARGEST_FACTOR)
    weights = (exponents - exponents.mean()).clamp(-limit, limit).exp()
    return (weights / weights.mean()).to(log_ratios.dtype)
