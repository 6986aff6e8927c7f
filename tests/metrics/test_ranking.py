"""AUROC."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from rewardsmith.metrics.ranking import auroc, average_ranks, rank_correlation


def test_perfect_reversed_and_constant_scores() -> None:
    assert auroc([1, 2, 3, 4], [False, False, True, True]) == 1.0
    assert auroc([4, 3, 2, 1], [False, False, True, True]) == 0.0
    assert auroc([7, 7, 7, 7], [False, False, True, True]) == 0.5


def test_one_class_alone_has_no_auroc() -> None:
    assert math.isnan(auroc([1.0, 2.0], [True, True])) and math.isnan(auroc([], []))


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=4, max_size=40))
def test_agrees_with_scikit_learn_on_ties(rows: list[tuple[int, bool]]) -> None:
    scores, positive = (np.array(column) for column in zip(*rows, strict=True))
    if positive.all() or not positive.any():
        return
    assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))


def test_infinite_scores_rank_and_nan_is_refused() -> None:
    assert auroc([-math.inf, 0.0, math.inf], [False, False, True]) == 1.0
    with pytest.raises(ValueError, match="1 of 3 scores are NaN"):
        auroc([0.0, math.nan, 1.0], [False, False, True])


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        auroc([1.0, 2.0], [True])


def test_equal_values_share_their_mean_rank():
    assert average_ranks(np.array([5.0, 1.0, 5.0, 9.0])).tolist() == [1.5, 0.0, 1.5, 3.0]


def test_rank_correlation_of_a_monotone_relation_is_one_and_of_a_constant_is_unknown():
    x = np.array([1.0, 2.0, 3.0, np.nan, 4.0])
    assert rank_correlation(x, np.exp(x)) == 1.0
    assert rank_correlation(x, np.ones(5)) is None
    assert rank_correlation(x[:2], x[:2]) is None
