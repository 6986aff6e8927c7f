"""The best of n responses, for all n at once."""

from __future__ import annotations

from itertools import combinations
from math import log

import numpy as np
import pytest

from rewardsmith.metrics.best_of_n import best_of_n, kl_bound


def test_it_is_the_mean_over_all_draws_of_n() -> None:
    rng = np.random.default_rng(0)
    rewards, values = rng.normal(size=7), rng.normal(size=7)
    found = best_of_n(values, rewards)
    for n in range(1, 8):
        best = [max(draw, key=lambda i: rewards[i]) for draw in combinations(range(7), n)]
        assert found[n - 1] == pytest.approx(values[best].mean())


def test_equal_rewards_win_equally_often() -> None:
    assert best_of_n([1.0, 2.0, 6.0], [0.0, 0.0, 0.0]) == pytest.approx([3.0, 3.0, 3.0])
    # the best of two of (low, high, high): one of the two high ones for sure
    assert best_of_n([9.0, 0.0, 1.0], [-1.0, 2.0, 2.0])[1:] == pytest.approx([0.5, 0.5])


def test_many_responses_overflow_nothing() -> None:
    found = best_of_n(np.arange(1200.0), np.arange(1200.0))
    assert found[0] == pytest.approx(599.5) and found[-1] == pytest.approx(1199)
    assert (np.diff(found) > 0).all()


def test_values_and_rewards_belong_together() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        best_of_n([1.0, 2.0], [1.0])


def test_the_bound_on_kl() -> None:
    assert kl_bound(1) == 0 and kl_bound(16) == pytest.approx(log(16) - 15 / 16)
