import numpy as np
import pytest
import torch

from rewardsmith.metrics.detection import precision_recall
from rewardsmith.metrics.ranking import auroc
from rewardsmith.preferences.simulation.features import simulate_features
from rewardsmith.strength.ensembles.design import Candidate, Design
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.planted.planting import relabel
from rewardsmith.strength.rivals import gap_rivals, rival_finders


@pytest.fixture(scope="module")
def found():
    simulated = simulate_features(1500, 16, unexplained=0.05, seed=4)
    rows = torch.from_numpy(simulated.features_chosen - simulated.features_rejected)
    planted = np.random.default_rng(0).random(1500) < 0.2
    designs = [Design(Candidate("features", ()), rows / rows.square().sum(1).mean().sqrt())]
    rivals = rival_finders(designs, relabel(simulated.target, planted), simulated.group, StrengthOptions(), 0)
    return {rival.method: rival for rival in rivals}, planted


def test_every_rival_finds_easy_flips(found):
    rivals, planted = found
    for rival in rivals.values():
        assert auroc(rival.suspicion, planted) > 0.85, rival.method


def test_cleanlab_ranks_as_the_loss_of_one_model_does_and_gives_a_mask(found):
    rivals, planted = found
    loss, cleanlab = rivals["single-model loss"], rivals["cleanlab (confident learning)"]
    assert auroc(cleanlab.suspicion, planted) == pytest.approx(auroc(loss.suspicion, planted), abs=1e-9)
    assert precision_recall(cleanlab.mask, planted)["f1"] > 0.6


def test_baselines_from_gaps_ask_one_member_a_pair():
    """Member 0 trained on the first pair alone, member 1 on the second, member 2 on both."""
    gaps = np.array([[1.0, 2.0, 3.0], [-4.0, 5.0, 6.0]] * 10, dtype=np.float32)
    trained = np.array([[True, False, True], [False, True, True]] * 10)
    target = np.array([1.0, 0.0] * 10, dtype=np.float32)
    rivals = {rival.method: rival for rival in gap_rivals(Judgements(gaps, trained, ("",) * 3), target, 0)}
    np.testing.assert_array_equal(rivals["single-model loss"].suspicion[:2], [-2, -4])
    np.testing.assert_array_equal(rivals["small loss"].suspicion[:2], [-1, 5])
    assert rivals["cleanlab (confident learning)"].mask.shape == (20,)


def test_baselines_from_gaps_need_judges_to_be_held_out():
    gaps = np.ones((20, 2), dtype=np.float32)
    rivals = gap_rivals(Judgements(gaps, np.ones((20, 2), dtype=bool), ("", "")), np.ones(20, dtype=np.float32), 0)
    assert [rival.method for rival in rivals] == ["small loss"]
