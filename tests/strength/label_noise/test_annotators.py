import numpy as np
import pytest

from rewardsmith.strength.label_noise.annotators import annotator_error_rates, p_wrong_by_votes, vote_error_rate


def test_annotators_of_known_skill_are_told_apart():
    rng = np.random.default_rng(0)
    num = 6000
    truth_belief = rng.beta(0.5, 0.5, size=num)  # P(first is better) by an informed judge
    first_better = rng.random(num) < truth_belief
    who = rng.integers(3, size=num)
    rates = np.array([0.02, 0.15, 0.4])
    label_first = first_better ^ (rng.random(num) < rates[who])
    belief = np.where(label_first, truth_belief, 1 - truth_belief)
    found, rate = annotator_error_rates([f"a{w}" for w in who], belief, prior_rate=0.19)
    for annotator in found:
        true_rate = rates[int(annotator.name[1])]
        assert annotator.low <= true_rate <= annotator.high
        assert annotator.error_rate == pytest.approx(true_rate, abs=0.04)  # 2,000 labels each
    assert rate[who == 2].min() > rate[who == 0].max()


def test_three_labels_do_not_condemn_a_newcomer():
    found, _ = annotator_error_rates(["new"] * 3, np.array([0.05, 0.05, 0.05]), prior_rate=0.1)
    assert found[0].error_rate < 0.35
    assert found[0].high > 0.45


def test_pairs_without_annotator_keep_the_rate_of_the_set():
    _, rate = annotator_error_rates([None, "a"], np.array([0.5, 0.9]), prior_rate=0.25)
    assert rate[0] == 0.25


def test_the_error_of_a_vote_is_found_without_knowing_the_truth():
    rng = np.random.default_rng(1)
    wrong_votes = rng.binomial(5, 0.2, size=4000)
    right = rng.random(4000) < 0.5
    votes_chosen = np.where(right, 5 - wrong_votes, wrong_votes)
    rate = vote_error_rate(np.full(4000, 0.5), 2.0 * votes_chosen - 5, np.full(4000, 5))
    assert rate == pytest.approx(0.2, abs=0.01)


def test_votes_and_judges_add_up():
    belief = np.array([0.5, 0.5, 0.9, 0.1])
    p_wrong = p_wrong_by_votes(belief, np.array([3.0, -3.0, 1.0, 1.0]), error_rate=0.2)
    assert p_wrong[0] == pytest.approx(1 / (1 + 4**3))  # three votes ahead at odds of 4 each
    assert p_wrong[1] == pytest.approx(1 - p_wrong[0])
    assert p_wrong[2] < p_wrong[3]


def test_hundreds_of_votes_decide_and_do_not_overflow():
    p_wrong = p_wrong_by_votes(np.array([0.5, 0.5]), np.array([900.0, -900.0]), error_rate=0.1)
    assert p_wrong.tolist() == [0.0, 1.0]
    assert vote_error_rate(np.array([0.5] * 40), np.full(40, 800.0), np.full(40, 1000)) == pytest.approx(0.1, abs=0.005)
