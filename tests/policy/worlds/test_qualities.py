from __future__ import annotations

import numpy as np
import pytest

from rewardsmith.policy.worlds.qualities import detail, lexicon

USUAL = [[token] * (500 - token) for token in range(450)]  # token 0 is the most frequent, of rank 1


def worth(seed: int) -> np.ndarray:
    quality = lexicon(USUAL, seed)
    return np.array([quality([token]) for token in range(450)])


def test_half_of_the_ranks_10_to_400_have_a_worth_and_no_other() -> None:
    weights = worth(0)
    assert not weights[:9].any() and not weights[400:].any()
    assert {9, 399} <= {int(token) for seed in range(8) for token in worth(seed).nonzero()[0]}
    assert np.count_nonzero(weights[9:400]) == pytest.approx(391 / 2, abs=1)
    assert weights[weights != 0].std() == pytest.approx(1, abs=0.15)


def test_words_count_once_and_add_up() -> None:
    quality, weights = lexicon(USUAL, 0), worth(0)
    assert quality([20, 21, 20, 20]) == pytest.approx(weights[20] + weights[21])
    assert quality([]) == 0


def test_another_seed_is_another_lexicon() -> None:
    assert np.array_equal(worth(1), worth(1)) and abs(np.corrcoef(worth(0), worth(1))[0, 1]) < 0.15


def test_detail_counts_what_is_new() -> None:
    assert [detail(USUAL, 0)(response) for response in ([], [5, 5, 5], [5, 6, 7])] == [0, 1, 3]
