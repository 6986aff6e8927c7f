"""Closed forms of what optimising a proxy does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rewardsmith.policy.worlds.bandits import EXPLOITED, BanditWorld

FAIR = BanditWorld(reference=(0.5, 0.5), proxy=(0.0, 1.0), gold=(0.0, 1.0))
EVEN = BanditWorld(reference=(0.25,) * 4, proxy=(3.0, 1.0, 2.0, 0.0), gold=(0.0,) * 4)


def test_the_best_policy_of_two_actions_is_a_sigmoid() -> None:
    for beta in (0.2, 1.0, 5.0):
        assert FAIR.tilted(beta)[1] == pytest.approx(1 / (1 + math.exp(-1 / beta)))


def test_no_policy_earns_more_than_the_tilted_one() -> None:
    beta, rng = 0.7, np.random.default_rng(0)

    def objective(policy: np.ndarray) -> float:
        return EXPLOITED.worth(policy)[0] - beta * EXPLOITED.kl(policy)

    best = objective(EXPLOITED.tilted(beta))
    weights = np.exp(np.array(EXPLOITED.proxy) / beta)
    assert best == pytest.approx(beta * math.log(np.array(EXPLOITED.reference) @ weights))
    assert all(objective(policy) < best for policy in rng.dirichlet(np.ones(3), size=50))


def test_kl_is_nothing_at_the_reference_and_log_two_for_one_of_two() -> None:
    assert FAIR.kl(FAIR.tilted(1e9)) == pytest.approx(0, abs=1e-12)
    assert FAIR.kl(np.array([0.0, 1.0])) == pytest.approx(math.log(2))


def test_the_best_of_n_even_draws() -> None:
    chosen = EVEN.best_of(3)
    np.testing.assert_allclose(chosen[[3, 1, 2, 0]], np.diff((np.arange(5) / 4) ** 3))
    assert EVEN.kl(chosen) < math.log(3) - 2 / 3  # of actions so fine that none is drawn twice


def test_ties_are_left_to_the_reference() -> None:
    same = BanditWorld(reference=(0.2, 0.5, 0.3), proxy=(1.0, 1.0, 1.0), gold=(0.0,) * 3)
    np.testing.assert_allclose(same.best_of(7), same.reference)


def test_gold_rises_then_falls_while_the_proxy_rises() -> None:
    kl, proxy, gold = map(np.array, zip(*EXPLOITED.path(np.geomspace(20, 0.05, 60).tolist()), strict=True))
    assert (np.diff(kl) > 0).all() and (np.diff(proxy) > 0).all()
    peak = int(gold.argmax())
    assert 0 < peak < 59 and (np.diff(gold[: peak + 1]) > 0).all() and (np.diff(gold[peak:]) < 0).all()
    assert gold[peak] > gold[0] + 0.2 and gold[-1] == pytest.approx(-1, abs=0.01)
