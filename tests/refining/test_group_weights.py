import numpy as np
import pytest

from rewardsmith.refining.group_weights import group_weights
from rewardsmith.refining.influence import influence_scores
from rewardsmith.refining.last_layer import Rows, fit_last_layer

L2 = 1.0


def two_tastes(num=600, seed=0):
    """Group 1, a fifth of the pairs, prefers by another direction than group 0."""
    rng = np.random.default_rng(seed)
    group = (rng.random(num) < 0.2).astype(np.int64)
    features = rng.normal(size=(num, 4))
    gap = np.where(group == 1, 0.8 * features[:, 1] + 0.6 * features[:, 0], features[:, 0]) * 3
    target = (gap + rng.logistic(size=num) > 0) * 1.0
    return Rows(features, target, np.zeros(num), np.ones(num)), group


def halves(rows, group):
    first = np.arange(len(rows)) % 2 == 0
    return rows.take(first), rows.take(~first), group[~first]


def group_losses(rows, group, head):
    return np.array([rows.take(group == g).losses(head).mean() for g in (0, 1)])


def test_the_losses_of_two_groups_come_together():
    train, judged, group = halves(*two_tastes())
    found = group_weights(train, judged, group, L2, limit=1.0)
    before, after = np.ptp(found.losses_before), np.ptp(found.losses_after)
    assert before > 0.15 and after < 0.01


def test_the_losses_are_those_of_a_head_fitted_with_the_new_weights():
    train, judged, group = halves(*two_tastes())
    found = group_weights(train, judged, group, L2)
    refit = fit_last_layer(train.weighing(train.weight * (1 + found.change)), L2)
    np.testing.assert_allclose(found.losses_after, group_losses(judged, group, refit.head), atol=1e-6)
    plain = fit_last_layer(train, L2)
    np.testing.assert_allclose(found.losses_before, group_losses(judged, group, plain.head), atol=1e-6)


def test_a_share_of_the_difference_is_left_where_only_a_share_was_asked_for():
    train, judged, group = halves(*two_tastes())
    found = group_weights(train, judged, group, L2, share=0.5, limit=1.0)
    assert np.ptp(found.losses_after) == pytest.approx(0.5 * np.ptp(found.losses_before), abs=0.01)
    whole = group_weights(train, judged, group, L2, limit=1.0)
    assert np.linalg.norm(found.change) < 0.7 * np.linalg.norm(whole.change)


def test_pairs_of_the_group_that_is_served_worse_count_more():
    rows, group = two_tastes()
    train, judged, judged_group = halves(rows, group)
    change = group_weights(train, judged, judged_group, L2).change
    own = group[np.arange(len(rows)) % 2 == 0]
    assert change[own == 1].mean() > change[own == 0].mean() + 0.1


def test_the_smallest_change_goes_along_the_effect_of_each_pair():
    train, judged, group = halves(*two_tastes())
    train = train.weighing(np.random.default_rng(0).uniform(0.5, 2.0, len(train)))
    layer = fit_last_layer(train, L2)
    effects = [train.weight * influence_scores(layer, train, judged.take(group == g)) for g in (0, 1)]
    change = group_weights(train, judged, group, L2, share=0.001).change
    assert np.corrcoef(change, effects[0] - effects[1])[0, 1] == pytest.approx(1.0, abs=1e-4)


def test_no_weight_leaves_its_limit():
    train, judged, group = halves(*two_tastes())
    found = group_weights(train, judged, group, L2, limit=0.05)
    assert np.abs(found.change).max() == pytest.approx(0.05)
    assert np.ptp(found.losses_after) < np.ptp(found.losses_before)


@pytest.mark.parametrize("code", [0, -1])
def test_one_group_or_none_changes_nothing(code):
    train, judged, group = halves(*two_tastes())
    found = group_weights(train, judged, np.full(len(group), code), L2)
    assert not found.change.any()


def test_groups_that_fare_alike_need_no_change():
    train, judged, group = halves(*two_tastes())
    twice = Rows(*(np.concatenate([part, part]) for part in judged.__dict__.values()))
    both = np.repeat([0, 1], len(group))
    assert not group_weights(train, twice, both, L2).change.any()


def test_three_groups_come_together_too():
    train, judged, group = halves(*two_tastes(1200))
    three = np.where(group == 1, 1, 2 * (np.arange(len(group)) % 2))
    found = group_weights(train, judged, three, L2)
    assert np.ptp(found.losses_after) < 0.2 * np.ptp(found.losses_before)
