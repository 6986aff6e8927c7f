import numpy as np
import pytest
import torch

from rewardsmith.errors import DataError
from rewardsmith.metrics.ranking import auroc
from rewardsmith.preferences.simulation.features import simulate_features
from rewardsmith.strength.ensembles.design import Candidate, Design
from rewardsmith.strength.ensembles.probe import L2_GRID, probe_judgements
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.planted.planting import relabel

OPTIONS = StrengthOptions(num_judges=3, num_folds=4)


def design(simulated, name="features"):
    rows = torch.from_numpy(simulated.features_chosen - simulated.features_rejected)
    return Design(Candidate(name, ()), rows / rows.square().sum(1).mean().sqrt())


def noise_design(num, seed=9):
    return Design(Candidate("noise", ()), torch.randn(num, 20, generator=torch.Generator().manual_seed(seed)) / 5)


@pytest.fixture(scope="module")
def simulated():
    return simulate_features(1200, 16, unexplained=0.05, seed=3)


@pytest.fixture(scope="module")
def judged(simulated):
    designs = [noise_design(1200), design(simulated)]
    return probe_judgements(designs, simulated.target, simulated.group, OPTIONS, seed=0)


def test_every_pair_has_exactly_the_judges_that_were_asked_for(judged):
    assert judged.gaps.shape == (1200, 12)
    assert (judged.num_judges == 3).all()


def test_judges_recover_a_planted_reward(simulated, judged):
    strength = judged.held_out().mean
    assert np.corrcoef(strength, simulated.true_gap)[0, 1] > 0.9
    assert (strength > 0).mean() > simulated.ceiling - 0.05


def test_members_choose_the_features_that_carry_the_reward(judged):
    assert all(choice.startswith("features") for choice in judged.choices)


def test_a_judge_has_not_seen_the_label_it_judges(simulated):
    """Turning one pair's label round leaves its held-out gap as it was, and moves its in-sample gap."""
    designs, alone = [design(simulated)], np.arange(1200)
    turned = np.zeros(1200, dtype=bool)
    turned[7] = True
    before = probe_judgements(designs, simulated.target, alone, OPTIONS, seed=0)
    after = probe_judgements(designs, relabel(simulated.target, turned), alone, OPTIONS, seed=0)
    held_out = ~before.trained[7]
    np.testing.assert_array_equal(before.gaps[7, held_out], after.gaps[7, held_out])
    assert (after.gaps[7, ~held_out] < before.gaps[7, ~held_out]).all()


@pytest.fixture(scope="module")
def planted(simulated):
    return np.random.default_rng(0).random(len(simulated.target)) < 0.2


@pytest.fixture(scope="module")
def judged_with_flips(simulated, planted):
    target = relabel(simulated.target, planted)
    return probe_judgements([design(simulated)], target, simulated.group, OPTIONS, seed=0)


def test_planted_flips_are_found(planted, judged_with_flips):
    strength = judged_with_flips.held_out().mean
    assert auroc(np.where(planted, strength, -strength), planted) > 0.95


def test_the_chosen_penalty_is_inside_the_grid_where_there_is_something_to_overfit():
    wide = simulate_features(1500, 100, unexplained=0.5, flip_rate=0.2, seed=5)
    judged = probe_judgements([design(wide)], wide.target, wide.group, OPTIONS, seed=0)
    chosen = {float(choice.split("l2 ")[1]) for choice in judged.choices}
    assert chosen.isdisjoint({L2_GRID[0], L2_GRID[-1]})


def test_the_same_seed_gives_the_same_gaps(simulated, judged):
    designs = [noise_design(1200), design(simulated)]
    again = probe_judgements(designs, simulated.target, simulated.group, OPTIONS, seed=0)
    np.testing.assert_array_equal(judged.gaps, again.gaps)


def test_without_crossfitting_every_member_trains_on_every_pair(simulated):
    options = StrengthOptions(num_judges=2, num_folds=3, crossfit="none")
    judged = probe_judgements([design(simulated)], simulated.target, simulated.group, options, seed=0)
    assert judged.trained.all()
    assert np.isnan(judged.held_out().mean).all()
    assert (judged.in_sample().mean > 0).mean() > 0.8


def test_too_few_pairs_are_an_error_that_says_how_many(simulated):
    with pytest.raises(DataError, match="20 pairs are too few"):
        probe_judgements([design(simulated)], simulated.target[:20], simulated.group[:20], OPTIONS, seed=0)
