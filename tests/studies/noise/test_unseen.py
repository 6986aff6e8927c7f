"""What chooses an arm's regularisation is seen neither by the arm nor by the judges that repaired its labels."""

from __future__ import annotations

import numpy as np
import pytest
from made_pairs import made_pairs

from rewardsmith.studies.noise.arms import Arm
from rewardsmith.studies.noise.cells import Cell, noise_rng
from rewardsmith.studies.noise.methods import make_arms
from rewardsmith.studies.noise.planting import plant
from rewardsmith.studies.noise.splits import split_pairs
from rewardsmith.studies.noise.suspects import Suspects
from rewardsmith.studies.noise.unseen import with_unseen

TAUGHT_BY_JUDGES = ("soft_label", "structured_drop", "data_smoothing", "cleanlab:drop", "debias+drop")
METHODS = (*TAUGHT_BY_JUDGES, "structured_noise_aware", "ours:oracle")
UNJUDGED = ("plain", "clean", "smooth", "early_stop", "debias", "oracle:flip")


@pytest.fixture(scope="module")
def arms() -> dict[str, tuple[Arm, Arm, np.ndarray]]:
    """By method: the arm, the arm where all labels of inner fold 0 are others, and who is in that fold."""
    pairs = made_pairs(600, 60, seed=3)
    split = split_pairs(pairs.split_groups, 0.3, 0)
    train = pairs.take(split.train)
    noisy = plant("uniform", train.facts, 0.2, noise_rng(Cell(0, "uniform", 0.2)))
    inside = split.inner_fold == 0
    found = []
    for labels in (noisy, np.where(inside, 1 - noisy, noisy)):
        suspects = Suspects(train, labels, 2, 0)
        made, _ = make_arms((*METHODS, *UNJUDGED), suspects, train.facts.target)
        unseen, failed = with_unseen(made, suspects, train.facts.target, split.inner_fold, (0, 2))
        assert not failed
        found.append(unseen)
    return {one.name: (one, two, inside) for one, two in zip(*found, strict=True)}


@pytest.mark.parametrize("method", METHODS)
def test_an_arm_without_a_fold_has_heard_nothing_of_its_labels(arms, method: str) -> None:
    one, two, inside = arms[method]
    assert list(one.unseen) == [0, 2] and one.without(1) is one  # asked for two of three
    without, also_without = one.without(0), two.without(0)
    assert without.supervision.equal(also_without.supervision).all()
    assert (without.supervision.weight[inside] == 0).all() and without.supervision.weight[~inside].any()
    if without.error_rates is not None:
        np.testing.assert_array_equal(without.error_rates, also_without.error_rates)
    if method in TAUGHT_BY_JUDGES:  # and with the fold it has
        assert not one.supervision.equal(two.supervision)[~inside].all()


@pytest.mark.parametrize("method", UNJUDGED)
def test_an_arm_that_no_judge_repaired_is_the_same_with_and_without(arms, method: str) -> None:
    one, two, inside = arms[method]
    assert one.without(0) is one
    assert one.supervision.equal(two.supervision)[~inside].all()
