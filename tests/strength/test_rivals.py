import numpy as np
import pytest
import torch

from rewardsmith.metrics.detection import precision_recall
from rewardsmith.metrics.ranking import auroc
from rewardsmith.preferences.simulation.features import simulate_features
from rewardsmith.strength.design import Candidate, Design
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.planting import relabel
from rewardsmith.strength.rivals import rival_finders


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
