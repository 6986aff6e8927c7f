import numpy as np

from rewardsmith.metrics.ranking import auroc
from rewardsmith.strength.response_effects import gaps_in_graph, recurs


def tournament(num_responses=60, num_pairs=1500, flip_rate=0.2, seed=0):
    """Pairs of a pool whose worths no judge sees; labels turned at random."""
    rng = np.random.default_rng(seed)
    worth = 1.5 * rng.normal(size=num_responses)
    responses = np.stack([rng.choice(num_responses, 2, replace=False) for _ in range(num_pairs)])
    better = worth[responses[:, 0]] > worth[responses[:, 1]]
    wrong = rng.random(num_pairs) < flip_rate
    return responses, np.where(wrong, ~better, better).astype(float), wrong, rng


def test_the_other_pairs_of_its_responses_give_a_wrong_label_away():
    responses, target, wrong, rng = tournament()
    blind = 0.01 * rng.normal(size=len(target))
    found = gaps_in_graph(blind, target, responses)
    against = np.where(target > 0.5, -found, found)
    assert auroc(against, wrong) > 0.9
    assert auroc(np.where(target > 0.5, -blind, blind), wrong) < 0.6


def test_a_pairs_own_label_has_no_say():
    responses, target, _, rng = tournament(num_pairs=300)
    blind = rng.normal(size=300)
    before = gaps_in_graph(blind, target, responses)
    target[5] = 1 - target[5]
    again = gaps_in_graph(blind, target, responses)
    same = (np.sort(responses, axis=1) == np.sort(responses[5])).all(axis=1)
    # Its label still has a say in what the judge's units are and in the penalty: far less than in the worths.
    assert abs(before[5] - again[5]) < 0.1
    assert np.abs(before - again)[~same].max() > 0.1


def test_a_judge_that_knows_better_is_kept():
    responses, target, _, rng = tournament(flip_rate=0.0)
    responses = rng.integers(60, size=responses.shape)  # pairs that have nothing to do with the labels
    gap = np.where(target > 0.5, 2.0, -2.0) + rng.normal(size=len(target))
    found = gaps_in_graph(gap, target, responses)
    assert np.corrcoef(found, gap)[0, 1] > 0.99


def test_responses_that_stand_in_one_pair_are_no_graph():
    responses = np.arange(200).reshape(-1, 2)
    assert not recurs(responses)
    assert gaps_in_graph(np.ones(100), np.ones(100), responses) is None


def test_a_pair_that_recurs_says_nothing_of_other_pairs():
    assert not recurs(np.tile([[0, 1], [1, 0]], (50, 1)))
    chain, ring = np.array([[0, 1], [1, 2]]), np.array([[0, 1], [1, 2], [2, 0]])
    assert recurs(ring) and not recurs(chain)  # two other pairs for each pair of the ring, one for each of the chain
    copies_of_pairs_of_their_own = np.repeat(np.arange(60).reshape(-1, 2), 10, axis=0)
    assert not recurs(np.concatenate([ring, copies_of_pairs_of_their_own]))
