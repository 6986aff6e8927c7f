import numpy as np

from rewardsmith.strength.table import strength_bins, strength_classes


def test_classes_follow_their_rules():
    belief = np.array([0.01, 0.3, 0.5, 0.75, 0.95, np.nan])
    p_wrong = np.array([0.8, 0.3, 0.1, 0.05, 0.01, np.nan])
    assert strength_classes(belief, p_wrong, np.ones(6, dtype=bool)).tolist() == [0, 2, 1, 2, 3, -1]


def test_an_undecided_pair_with_a_wrong_label_is_incorrect():
    assert strength_classes(np.array([0.5]), np.array([0.6]), np.array([True])).tolist() == [0]


def test_a_label_that_calls_a_tie_is_ambiguous_whatever_the_judges_say():
    assert strength_classes(np.array([0.99]), np.array([np.nan]), np.array([False])).tolist() == [1]


def test_bins_are_of_equal_size_by_rising_strength():
    strength = np.random.default_rng(0).normal(size=1000)
    bins = strength_bins(strength)
    assert np.bincount(bins).tolist() == [50] * 20
    assert strength[bins == 0].max() < strength[bins == 1].min()


def test_pairs_without_strength_have_no_bin():
    assert strength_bins(np.array([np.nan, 1.0])).tolist() == [-1, 0]
