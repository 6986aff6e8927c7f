from dataclasses import replace

import numpy as np
import pytest

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.refining.evidence import Evidence
from rewardsmith.refining.group_weights import group_weights, held_out_group_weights
from rewardsmith.refining.last_layer import Rows, fit_last_layer
from rewardsmith.refining.rules.influence_weights import InfluenceWeights
from rewardsmith.refining.selection import Where
from rewardsmith.refining.supervision import Supervision
from rewardsmith.strength.ensembles.judgements import Judgements

NUM = 800


def judged(num):
    return Judgements(np.zeros((num, 2), dtype=np.float32), np.zeros((num, 2), dtype=bool), ("", ""))


def a_set(seed=0):
    """Two categories with tastes of their own; the rarer one is served worse."""
    rng = np.random.default_rng(seed)
    rare = rng.random(NUM) < 0.25
    features = rng.normal(size=(NUM, 4))
    gap = 3 * np.where(rare, 0.9 * features[:, 1] + 0.4 * features[:, 0], features[:, 0])
    target = (gap + rng.logistic(size=NUM) > 0) * 1.0
    evidence = Evidence.from_judgements(
        target,
        judged(NUM),
        groups=np.arange(NUM) // 4,
        category=["rare" if value else "usual" for value in rare],
        annotator_id=[("ann", "bob")[i % 2] for i in range(NUM)],
        longer=np.sign(features[:, 2]),
        rows=features.astype(np.float32),
    )
    return evidence, Supervision.plain(target), rare


def held_out_losses(evidence, supervision, rare):
    """Losses of both categories for a head fitted to half of the prompts, on the other half, without weights there."""
    train = evidence.groups % 2 == 0
    rows = Rows(evidence.rows.astype(np.float64), supervision.target, supervision.margin, supervision.weight)
    losses = rows.losses(fit_last_layer(rows.take(train), 1.0).head)
    return np.array([losses[~train & rare].mean(), losses[~train & ~rare].mean()])


def test_two_categories_are_served_more_alike():
    evidence, given, rare = a_set()
    change = InfluenceWeights(group="category").apply(evidence, given)
    before, after = (held_out_losses(evidence, s, rare) for s in (given, change.supervision))
    assert before[0] - before[1] > 0.2
    assert abs(after[0] - after[1]) < 0.6 * (before[0] - before[1])
    factor = change.supervision.weight
    assert factor.min() >= 0.5 and factor.max() <= 1.5
    assert factor[rare].mean() > factor[~rare].mean() + 0.1
    assert "group rare; held-out losses: rare 0." in change.reason(int(np.flatnonzero(rare)[0]))


def test_only_weights_of_selected_pairs_change():
    evidence, given, _ = a_set()
    weighted = replace(given, weight=np.where(np.arange(NUM) % 5 == 0, 0.0, 2.0))
    change = InfluenceWeights(group="category", where=Where(annotator=("ann",))).apply(evidence, weighted)
    expected = (np.arange(NUM) % 2 == 0) & (weighted.weight > 0)
    np.testing.assert_array_equal(change.selected, expected)
    differs = change.supervision.weight != weighted.weight
    assert differs.any() and not differs[~expected].any()
    factor = change.supervision.weight[expected] / weighted.weight[expected]
    assert factor.min() >= 0.5 and factor.max() <= 1.5
    for name in ("target", "margin", "swapped"):
        np.testing.assert_array_equal(getattr(change.supervision, name), getattr(weighted, name))


def test_groups_by_length_follow_the_label_as_it_is_now():
    evidence, given, _ = a_set()
    rule = InfluenceWeights(group="longer")
    for labels in (given, replace(given, target=1 - given.target)):
        change = rule.apply(evidence, labels)
        wins = np.sign(labels.target - 0.5) * evidence.longer > 0
        words = [f"group the {'longer' if longer else 'shorter'} response is better;" for longer in wins]
        assert all(word in change.reason(i) for i, word in enumerate(words))
    with pytest.raises(DataError, match="by longer there is none"):
        rule.apply(evidence, replace(given, target=np.full(NUM, 0.5)))


def test_swapping_all_pairs_changes_no_weight():
    evidence, given, _ = a_set()
    other = replace(evidence, rows=-evidence.rows, target=1 - evidence.target, longer=-evidence.longer)
    rule = InfluenceWeights(group="longer")
    one = rule.apply(evidence, given).supervision.weight
    two = rule.apply(other, replace(given, target=1 - given.target)).supervision.weight
    np.testing.assert_allclose(one, two, atol=1e-4)
    assert np.ptp(one) > 0.05


@pytest.mark.parametrize(
    ("changes", "rule", "message"),
    [
        ({"rows": None}, InfluenceWeights(), "needs features"),
        ({"category": [None] * NUM}, InfluenceWeights(group="category"), "by category there is none"),
        ({"category": ["a"] * 790 + ["b"] * 10}, InfluenceWeights(group="category"), "there is only one: a"),
        ({"groups": np.arange(NUM) % 3}, InfluenceWeights(group="category"), "needs 4 of them"),
    ],
)
def test_what_cannot_be_balanced_is_said(changes, rule, message):
    evidence, given, _ = a_set()
    with pytest.raises(DataError, match=message):
        rule.apply(replace(evidence, **changes), given)


@pytest.mark.parametrize("values", [{"share": 0.0}, {"share": 1.5}, {"limit": 0.0}, {"limit": 1.0}])
def test_parameters_out_of_range_are_errors(values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        InfluenceWeights(**values)


def test_folds_take_turns_in_judging():
    evidence, given, rare = a_set()
    fold_of, codes = evidence.groups % 2, rare.astype(np.int64)
    rows = Rows(evidence.rows.astype(np.float64), given.target, given.margin, given.weight)
    found = held_out_group_weights(rows, codes, fold_of, [1.0, 5.0])
    parts = []
    for fold, l2 in ((0, 1.0), (1, 5.0)):
        judged_here = fold_of == fold
        part = group_weights(rows.take(~judged_here), rows.take(judged_here), codes[judged_here], l2)
        np.testing.assert_allclose(found.change[~judged_here], part.change)
        parts.append(part)
    np.testing.assert_allclose(found.losses_before, np.mean([part.losses_before for part in parts], axis=0))
    np.testing.assert_allclose(found.losses_after, np.mean([part.losses_after for part in parts], axis=0))
