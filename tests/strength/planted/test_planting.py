import numpy as np
import pytest

from rewardsmith.strength.ensembles.judgements import as_labelled
from rewardsmith.strength.planted.planting import plant_flips, relabel


def test_exactly_the_share_is_planted_and_ties_are_left_alone():
    decided = np.arange(1000) % 10 != 0
    planted = plant_flips("uniform", decided, np.full(1000, 0.7), 0.2, np.random.default_rng(0))
    assert planted.sum() == 180
    assert not planted[~decided].any()


def test_hard_flips_gather_on_close_pairs():
    belief = np.linspace(0.5, 1.0, 2000)
    planted = plant_flips("hard", np.ones(2000, dtype=bool), belief, 0.2, np.random.default_rng(0))
    assert planted.sum() == 400
    assert belief[planted].mean() < belief.mean() - 0.05


def test_what_takes_more_than_beliefs_is_not_planted_here():
    with pytest.raises(ValueError, match="'longer' is none of uniform, hard"):
        plant_flips("longer", np.ones(9, dtype=bool), np.full(9, 0.5), 0.2, np.random.default_rng(0))


def test_relabelling_twice_changes_nothing():
    target = np.array([1.0, 0.5, 0.0, 0.8], dtype=np.float32)
    planted = np.array([True, True, False, True])
    assert relabel(target, planted).tolist() == [0.0, 0.5, 0.0, np.float32(1) - np.float32(0.8)]
    np.testing.assert_allclose(relabel(relabel(target, planted), planted), target)


def test_gaps_turn_with_their_labels():
    target = relabel(np.array([1.0, 1.0, 0.0], dtype=np.float32), np.array([True, False, False]))
    assert as_labelled(np.array([2.0, -1.0, 3.0]), target).tolist() == [-2.0, -1.0, -3.0]
