"""What arms teach; and what chooses an arm's regularisation is seen neither by it nor by the judges of its labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_pairs import made_pairs

from rewardsmith.refining.recipe import apply_recipe, load_recipe
from rewardsmith.refining.supervision import Supervision
from rewardsmith.strength.ensembles.design import Design
from rewardsmith.studies.noise.arms import Arm
from rewardsmith.studies.noise.cells import Cell, noise_rng
from rewardsmith.studies.noise.detectors import Detectors
from rewardsmith.studies.noise.methods import ALL, parse_method
from rewardsmith.studies.noise.planting import plant
from rewardsmith.studies.noise.repairs import make_arm, make_arms, with_arms_for_search
from rewardsmith.trials.splits import split_by_group

TAUGHT_BY_JUDGES = ("soft_label", "structured_drop", "data_smoothing", "cleanlab:drop", "debias+drop")
METHODS = (*TAUGHT_BY_JUDGES, "structured_noise_aware", "ours:oracle")
UNJUDGED = ("plain", "clean", "smooth", "debias+smooth", "early_stop", "debias", "oracle:flip")


@pytest.fixture(scope="module")
def arms() -> dict[str, tuple[Arm, Arm, np.ndarray]]:
    """By method: the arm, the arm where all labels of inner fold 0 are others, and who is in that fold."""
    pairs = made_pairs(1500, 20, seed=3)
    split = split_by_group(pairs.split_groups, 0.3, 0)
    train = pairs.take(split.train)
    noisy = plant("uniform", train.columns, 0.2, noise_rng(Cell(0, "uniform", 0.2)))
    inside = split.inner_fold == 0
    methods = [parse_method(name) for name in (*METHODS, *UNJUDGED)]
    found = []
    for labels in (noisy, np.where(inside, 1 - noisy, noisy)):
        detectors, truth = Detectors(train, labels, 2, 0), train.columns.target
        made, _ = make_arms(methods, detectors, truth)
        searched, failed = with_arms_for_search(made, methods, detectors, truth, split.inner_fold, (0, 2))
        assert not failed
        found.append(searched)
    return {one.name: (one, two, inside) for one, two in zip(*found, strict=True)}


@pytest.mark.parametrize("method", METHODS)
def test_an_arm_without_a_fold_has_heard_nothing_of_its_labels(arms, method: str) -> None:
    one, two, inside = arms[method]
    assert list(one.without_folds) == [0, 2] and one.without(1) is one  # asked for two of three
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


@pytest.fixture(scope="module")
def pairs():
    return made_pairs(1200, 12, seed=1)


@pytest.fixture(scope="module")
def detectors(pairs):
    noisy = plant("uniform", pairs.columns, 0.25, np.random.default_rng(5))
    return Detectors(pairs, noisy, num_judges=3, seed=0)


def test_nothing_but_the_oracle_and_clean_reads_the_truth(pairs, detectors):
    """Supervision is the same whatever the truth is said to be."""
    rng = np.random.default_rng(0)
    lie = rng.permutation(pairs.columns.target)
    lie[:400] = 1 - lie[:400]
    other = Detectors(replace(pairs, columns=replace(pairs.columns, target=lie)), detectors.noisy, 3, 0)
    for method in map(parse_method, ALL):
        if method.reads_truth:
            continue
        one, two = make_arm(method, detectors, pairs.columns.target), make_arm(method, other, lie)
        assert one.supervision.equal(two.supervision).all(), method.name
        assert one.given is None
        if one.error_rates is not None:
            np.testing.assert_array_equal(one.error_rates, two.error_rates)


def test_a_true_tie_is_no_wrong_label_to_an_oracle_that_flips(pairs, detectors):
    truth = pairs.columns.target.copy()
    truth[:50] = 0.5
    target = make_arm(parse_method("oracle:flip"), detectors, truth).supervision.target
    np.testing.assert_array_equal(target[:50], detectors.noisy[:50])
    np.testing.assert_array_equal(target[50:], truth[50:])


def test_debiased_arms_differ_only_in_form(detectors, pairs):
    plain = make_arm(parse_method("soft_label"), detectors, pairs.columns.target)
    debiased = make_arm(parse_method("debias+soft_label"), detectors, pairs.columns.target)
    assert debiased.form == "debiased"
    assert plain.supervision.equal(debiased.supervision).all()


@pytest.mark.parametrize("name", ["drop", "flip_wrong", "soft_label"])
def test_a_structured_recipe_does_what_the_recipe_does_on_the_structured_audit(detectors, pairs, name):
    arm = make_arm(parse_method(f"structured_{name}"), detectors, pairs.columns.target)
    given = Supervision.plain(detectors.noisy)
    expected = apply_recipe(load_recipe(name), detectors.structured[0], given).supervision
    assert arm.supervision.equal(expected).all()
    assert not arm.supervision.equal(make_arm(parse_method(name), detectors, pairs.columns.target).supervision).all()


def test_any_recipe_may_be_put_on_the_structured_audit(detectors, pairs):
    arm = make_arm(parse_method("structured_margin"), detectors, pairs.columns.target)
    expected = apply_recipe(load_recipe("margin"), detectors.structured[0], Supervision.plain(detectors.noisy))
    assert arm.supervision.equal(expected.supervision).all() and arm.supervision.margin.any()


def test_a_file_of_rules_may_read_both_audits(detectors, pairs, tmp_path):
    path = tmp_path / "both.yaml"
    path.write_text("rules:\n- {rule: drop, where: {p_wrong: [0.5, null], p_wrong_structured: [0.5, null]}}\n")
    dropped = make_arm(parse_method(str(path)), detectors, pairs.columns.target).supervision.weight == 0
    both = (detectors.evidence.p_wrong >= 0.5) & (detectors.structured[0].p_wrong >= 0.5)
    assert np.array_equal(dropped, both) and both.any()


def test_judges_that_say_nothing_change_nothing(pairs):
    blind = [Design(design.candidate, torch.zeros_like(design.rows)) for design in pairs.designs]
    detectors = Detectors(replace(pairs, designs=blind), pairs.columns.target, 3, 0)
    arm = make_arm(parse_method("structured_soft_label"), detectors, pairs.columns.target)
    assert arm.supervision.equal(Supervision.plain(pairs.columns.target)).all()
