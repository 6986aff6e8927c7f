import numpy as np

from rewardsmith.strength.ensembles.judgements import Judgements, learnable


def test_strength_is_mean_and_population_deviation_of_the_right_members():
    gaps = np.array([[1.0, 3.0, 10.0, 20.0]], dtype=np.float32)
    trained = np.array([[False, False, True, True]])
    judged = Judgements(gaps, trained, ("",) * 4)
    assert judged.num_judges.tolist() == [2]
    assert (judged.held_out().mean[0], judged.held_out().std[0]) == (2.0, 1.0)
    assert (judged.in_sample().mean[0], judged.in_sample().std[0]) == (15.0, 5.0)


def test_fewer_than_two_judges_say_nothing():
    gaps = np.array([[1.0, np.nan], [1.0, 2.0]], dtype=np.float32)
    judged = Judgements(gaps, np.zeros((2, 2), dtype=bool), ("", ""))
    assert np.isnan(judged.held_out().mean[0])
    assert np.isnan(judged.held_out().std[0])
    assert judged.held_out().mean[1] == 1.5
    assert np.isnan(judged.in_sample().mean).all()


def test_pairs_of_weight_zero_teach_judges_nothing():
    learned = learnable(np.array([1.0, 0.2]), np.array([0.0, 3.0]))
    np.testing.assert_array_equal(learned, np.array([0.5, 0.2], dtype=np.float32))
