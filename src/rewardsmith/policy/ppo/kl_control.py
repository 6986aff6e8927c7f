"""The coefficient of the KL cost, from one roll-out to the next."""

from __future__ import annotations

from rewardsmith.policy.options import KLOptions

LARGEST_ERROR = 0.2


def next_coefficient(coefficient: float, kl: float, num_responses: int, options: KLOptions) -> float:
    """The one of the next roll-out, by the KL of this one in nats a response; fixed without a target.

    beta (1 + clip(KL / target - 1, -0.2, 0.2) n / horizon) (Ziegler et al. 2019, arXiv 1909.08593, section 2.2).
    """
    if options.kl_target is None:
        return coefficient
    error = min(max(kl / options.kl_target - 1, -LARGEST_ERROR), LARGEST_ERROR)
    return coefficient * (1 + error * num_responses / options.kl_horizon)
