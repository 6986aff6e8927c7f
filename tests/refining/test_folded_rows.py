from dataclasses import replace

import numpy as np
import pytest

from rewardsmith.errors import DataError
from rewardsmith.metrics.ranking import auroc
from rewardsmith.preferences.simulation.features import simulate_features
from rewardsmith.refining.evidence import Evidence
from rewardsmith.refining.selection import Where
from rewardsmith.strength.ensembles.judgements import Judgements

NUM = 1200


@pytest.fixture(scope="module")
def made():
    return simulate_features(NUM, 16, unexplained=0.1, flip_rate=0.2, seed=1)


@pytest.fixture(scope="module")
def evidence(made):
    nobody = Judgements(np.zeros((NUM, 2), dtype=np.float32), np.zeros((NUM, 2), dtype=bool), ("", ""))
    rows = made.features_chosen - made.features_rejected
    target = made.target.astype(np.float64)
    return Evidence.from_judgements(target, nobody, groups=made.group.astype(np.int64), rows=rows)


def test_wrong_labels_harm_other_pairs(made, evidence):
    assert auroc(evidence.influence, made.flipped) > 0.65
    worst = Where(influence_quantile=(0.9, 1.0)).select(evidence)
    assert worst.sum() == NUM // 10
    assert made.flipped[worst].mean() > 1.5 * made.flipped.mean()


def test_swapping_a_pair_changes_nothing(evidence):
    swapped = np.arange(NUM) % 3 == 0
    rows = np.where(swapped[:, None], -evidence.rows, evidence.rows)
    other = replace(evidence, rows=rows, target=np.where(swapped, 1 - evidence.target, evidence.target))
    np.testing.assert_allclose(other.influence, evidence.influence, rtol=1e-3, atol=1e-8)


def test_ties_and_pairs_without_weight_harm_nobody(evidence):
    target, weight = evidence.target.copy(), evidence.weight.copy()
    target[:10], weight[10:30] = 0.5, 0.0
    found = replace(evidence, target=target, weight=weight).influence
    assert np.isnan(found[:30]).all() and not np.isnan(found[30:]).any()


def test_what_has_no_features_or_too_few_prompts_is_told(evidence):
    where = Where(influence_quantile=(0.9, 1.0))
    with pytest.raises(DataError, match="influence_quantile needs features"):
        where.select(replace(evidence, rows=None))
    with pytest.raises(DataError, match="needs 4 of them"):
        where.select(replace(evidence, groups=evidence.groups % 3))
