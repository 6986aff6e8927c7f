"""Worlds of one choice, where a policy's best answer to a proxy, and what it is truly worth, are known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr

from rewardsmith.policy.worlds.guards import Floats


@dataclass(frozen=True)
class BanditWorld:
    """Actions with a first probability, a proxy and a gold reward each."""

    reference: tuple[float, ...]
    proxy: tuple[float, ...]
    gold: tuple[float, ...]

    def tilted(self, beta: float) -> Floats:
        """pi_ref exp(proxy / beta) / Z: the best policy for proxy - beta KL(pi, pi_ref)."""
        scores = np.log(self.reference) + np.array(self.proxy) / beta
        weights = np.exp(scores - scores.max())
        policy: Floats = weights / weights.sum()
        return policy

    def best_of(self, n: int) -> Floats:
        """Which action the best of n draws by proxy is; of equally good ones the first drawn."""
        proxy, reference = np.array(self.proxy), np.array(self.reference)
        at_most = np.array([reference[proxy <= value].sum() for value in proxy])
        below = np.array([reference[proxy < value].sum() for value in proxy])
        chosen: Floats = reference / (at_most - below) * (at_most**n - below**n)
        return chosen

    def kl(self, policy: Floats) -> float:
        """From the reference, in nats."""
        return float(rel_entr(policy, np.array(self.reference)).sum())

    def worth(self, policy: Floats) -> tuple[float, float]:
        """Expected proxy and gold."""
        return float(policy @ np.array(self.proxy)), float(policy @ np.array(self.gold))

    def path(self, betas: Sequence[float]) -> list[tuple[float, float, float]]:
        """KL, proxy and gold of the best policy at each KL coefficient."""
        policies = list(map(self.tilted, betas))
        return [(self.kl(policy), *self.worth(policy)) for policy in policies]


EXPLOITED = BanditWorld(reference=(0.6, 0.39, 0.01), proxy=(0.0, 1.0, 2.0), gold=(0.0, 1.0, -1.0))
"""A plain action, a good one, and a rare one that the proxy takes for better still: gold rises, then falls."""
