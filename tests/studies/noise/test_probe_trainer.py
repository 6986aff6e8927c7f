from dataclasses import replace

import numpy as np
import pytest
from made_pairs import made_pairs

from rewardsmith.refining.supervision import Supervision
from rewardsmith.studies.noise import held_out_likelihood, probe_trainer
from rewardsmith.studies.noise.arms import Arm, TrainingTask
from rewardsmith.studies.noise.cells import Cell, noise_rng
from rewardsmith.studies.noise.detectors import Detectors
from rewardsmith.studies.noise.methods import parse_method
from rewardsmith.studies.noise.planting import plant
from rewardsmith.studies.noise.probe_trainer import ProbeTrainer
from rewardsmith.studies.noise.repairs import make_arm
from rewardsmith.trials.splits import split_by_group


@pytest.fixture(scope="module")
def pairs():
    return made_pairs(1200, 12, seed=1)


def test_what_is_chosen_is_chosen_on_labels_that_were_kept_aside():
    """A head that has learned labels by heart which follow nothing is worth nothing, and its scale says so."""
    wide = made_pairs(600, 60, seed=5)
    split = split_by_group(wide.split_groups, 0.3, 0)
    noisy = np.random.default_rng(0).integers(2, size=len(split.train)).astype(float)
    trainer = ProbeTrainer(TrainingTask(wide, split, np.zeros(len(noisy), dtype=bool), wide.take(split.train), noisy))
    for form in ("plain", "debiased", "early_stopping"):
        trained = trainer.train([Arm("plain", Supervision.plain(noisy), form)])[0]
        assert np.abs(trained.scale * trained.gaps).mean() < 0.15


def test_no_test_label_is_read_in_training(pairs):
    """Gaps stay the same when the labels of the test are others."""
    split = split_by_group(pairs.split_groups, 0.3, 0)
    target = pairs.columns.target.copy()
    target[split.test] = 0.0
    other = replace(pairs, columns=replace(pairs.columns, target=target))
    gaps = []
    for own in (pairs, other):
        train = own.take(split.train)
        noisy = plant("uniform", train.columns, 0.2, noise_rng(Cell(0, "uniform", 0.2)))
        arm = make_arm(parse_method("soft_label"), Detectors(train, noisy, 3, 0), train.columns.target)
        task = TrainingTask(own, split, np.zeros(len(noisy), dtype=bool), train, noisy)
        gaps.append(ProbeTrainer(task).train([arm])[0].gaps)
    np.testing.assert_array_equal(*gaps)


def test_the_best_penalty_is_found_behind_a_valley(pairs, monkeypatch):
    """Likelihoods in the order of the search, from strong to weak penalties, with two maxima."""
    found = iter([4.0, 3.0, 2.0, 1.0, 0.0, 0.0, 5.0, 1.0, 0.0, 0.0])
    monkeypatch.setattr(held_out_likelihood, "calibrated_likelihood", lambda *_: np.array([next(found)]))
    split = split_by_group(pairs.split_groups, 0.3, 0)
    truth = pairs.columns.target[split.train]
    task = TrainingTask(pairs, split, np.zeros(len(truth), dtype=bool), pairs.take(split.train), truth)
    [trained] = ProbeTrainer(task).train([Arm("plain", Supervision.plain(truth))])
    assert trained.choice == f"l2 {probe_trainer.L2_GRID[-7]:g}"
