from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
from made_pairs import made_pairs

from rewardsmith.errors import ConfigError, RunError
from rewardsmith.refining.supervision import Supervision
from rewardsmith.studies.noise import cells as cells_module
from rewardsmith.studies.noise.arms import Arm
from rewardsmith.studies.noise.cells import Cell, CellOptions, cells_of, open_cells, run_cell, train_arms
from rewardsmith.studies.noise.methods import CLEAN, PLAIN, parse_method
from rewardsmith.studies.noise.repairs import make_arms
from rewardsmith.studies.noise.study_pairs import StudyPairs
from rewardsmith.trials.cell_log import credits_from_text

METHODS = (PLAIN, CLEAN, "drop", "soft_label", "margin", "early_stop", "noise_aware", "debias")
STRUCTURED = ("structured_soft_label", "structured_noise_aware")


def named(*names):
    return tuple(map(parse_method, names))


OPTIONS = CellOptions(
    named(*METHODS, *STRUCTURED, "ours:drop", "aum:oracle", "oracle:flip"), test_share=0.3, num_judges=3
)


@pytest.fixture(scope="module")
def pairs():
    return made_pairs(1200, 12, seed=1)


@pytest.fixture(scope="module")
def uniform(pairs):
    return run_cell(pairs, Cell(0, "uniform", 0.3), OPTIONS)


def test_a_cell_tells_everything_of_every_method(uniform):
    assert list(uniform["arms"]) == [method.name for method in OPTIONS.methods]
    assert uniform["share_turned"] == pytest.approx(0.3, abs=1e-3)
    assert uniform["num_train"] + uniform["num_test"] == 1200
    for arm in uniform["arms"].values():
        credit = credits_from_text(arm["credit"], uniform["num_test"])
        assert credit.mean() == pytest.approx(arm["accuracy"])
        assert arm["nll"] > 0
    assert uniform["arms"]["plain"]["label_error"] == pytest.approx(0.3, abs=1e-3)
    assert uniform["arms"]["clean"]["label_error"] == uniform["arms"]["oracle:flip"]["label_error"] == 0


def test_noise_costs_accuracy_and_the_oracle_wins_it_back(uniform):
    accuracy = {name: arm["accuracy"] for name, arm in uniform["arms"].items()}
    assert accuracy["clean"] > accuracy["plain"] + 0.02
    assert accuracy["oracle:flip"] == pytest.approx(accuracy["clean"], abs=0.02)


def test_repaired_labels_are_nearer_to_the_truth():
    """With pairs enough to tell: of 840, at most every seventh label is dropped."""
    options = replace(OPTIONS, methods=named(PLAIN, CLEAN, "drop", "soft_label", "ours:drop"))
    arms = run_cell(made_pairs(2800, 12, seed=1), Cell(0, "uniform", 0.3), options)["arms"]
    errors = {name: arm["label_error"] for name, arm in arms.items()}
    assert errors["drop"] < errors["soft_label"] < 0.7 * errors["plain"]
    assert arms["ours:drop"]["share_dropped"] > 0.2


def test_a_cell_takes_its_training_pairs_once(pairs, monkeypatch):
    taken, take = [], StudyPairs.take
    monkeypatch.setattr(StudyPairs, "take", lambda self, rows: taken.append(len(rows)) or take(self, rows))
    found = run_cell(pairs, Cell(0, "uniform", 0.3), replace(OPTIONS, methods=named(PLAIN, CLEAN)))
    assert taken == [found["num_train"]]


def test_a_preference_for_length_is_repaired_without_the_truth(pairs):
    options = replace(OPTIONS, methods=named(PLAIN, CLEAN, "debias", *STRUCTURED))
    found = run_cell(pairs, Cell(0, "longer", 0.3), options)["arms"]
    gap = found["clean"]["accuracy"] - found["plain"]["accuracy"]
    assert gap > 0.08
    for method in ("debias", *STRUCTURED):
        assert found[method]["accuracy"] - found["plain"]["accuracy"] > 0.6 * gap


def test_an_arm_may_be_judged_by_its_own_labels(pairs, uniform):
    own = run_cell(pairs, Cell(0, "uniform", 0.3), replace(OPTIONS, choose_by="own"))["arms"]
    assert own["oracle:flip"]["choice"] == own["clean"]["choice"]
    assert own["oracle:flip"]["credit"] == own["clean"]["credit"]
    assert own["plain"] == uniform["arms"]["plain"]
    assert {name: arm["choice"] for name, arm in own.items()} != {
        name: arm["choice"] for name, arm in uniform["arms"].items()
    }


def test_a_rate_that_cannot_be_planted_is_skipped_with_a_reason(pairs):
    short = replace(pairs, columns=replace(pairs.columns, longer=np.ones(len(pairs))))
    found = run_cell(short, Cell(0, "longer", 0.3), OPTIONS)
    assert "arms" not in found
    assert found["skipped"] == "only 0.0% of the labels can be flipped this way"


def test_a_recipe_that_cannot_be_applied_fails_alone(pairs, tmp_path):
    recipe = tmp_path / "balanced.yaml"
    recipe.write_text("rules: [{rule: influence_weights, group: category}]")  # and no pair has a category
    found = run_cell(pairs, Cell(0, "uniform", 0.2), CellOptions(named(PLAIN, CLEAN, str(recipe), "drop"), 0.3, 2))
    assert set(found["arms"]) == {PLAIN, CLEAN, "drop"}
    assert list(found["failed"]) == [str(recipe)] and "there is none" in found["failed"][str(recipe)]


def test_a_recipe_may_name_categories_and_read_features(pairs, tmp_path):
    codes = pairs.columns.clusters
    in_words = replace(pairs, categories=tuple(f"kind {code}" for code in range(codes.max() + 1)))
    dropping, balancing = tmp_path / "dropping.yaml", tmp_path / "balancing.yaml"
    dropping.write_text("rules: [{rule: drop, where: {category: [kind 0]}}]")
    balancing.write_text("rules: [{rule: influence_weights}]")
    options = CellOptions(named(PLAIN, CLEAN, str(dropping), str(balancing)), 0.3, 2)
    found = run_cell(in_words, Cell(0, "uniform", 0.2), options)
    assert found["arms"][str(dropping)]["share_dropped"] == pytest.approx((codes == 0).mean(), abs=0.05)
    assert (codes == 0).mean() > 0.1
    assert found["arms"][str(balancing)]["credit"] != found["arms"][PLAIN]["credit"]


def test_the_order_of_the_responses_does_not_tell_the_truth(pairs, monkeypatch):
    """In a set as it comes every true label is 1; whoever looks for wrong labels must not be able to use that."""
    ordered = pairs.reordered(pairs.columns.target < 0.5)
    assert (ordered.columns.target == 1).all()
    seen = []

    def looks(methods, detectors, truth):
        seen.append(truth)
        return make_arms(methods, detectors, truth)

    monkeypatch.setattr(cells_module, "make_arms", looks)
    run_cell(ordered, Cell(0, "uniform", 0.3), CellOptions(named(PLAIN, CLEAN), 0.3, 2))
    assert seen[0].mean() == pytest.approx(0.5, abs=0.07)  # four standard errors of 840 coins


def test_a_cell_does_not_depend_on_the_order_of_the_responses(pairs):
    options = CellOptions(named(PLAIN, CLEAN, "drop", "structured_drop", "cleanlab:flip"), 0.3, 2)
    reordered = pairs.reordered(np.random.default_rng(3).random(len(pairs)) < 0.5)
    one, two = (run_cell(own, Cell(0, "longer", 0.2), options)["arms"] for own in (pairs, reordered))
    for name in (PLAIN, CLEAN, "drop", "structured_drop"):
        assert one[name]["accuracy"] == pytest.approx(two[name]["accuracy"], abs=0.006)  # rounding turns a close pair
        assert one[name]["label_error"] == pytest.approx(two[name]["label_error"], abs=0.01)


def test_a_drawn_tie_is_no_wrong_label(pairs):
    votes = np.tile([0.0, 0.0, 1.0], (len(pairs), 1))
    votes[600:] = np.nan
    drawn = replace(pairs, columns=replace(pairs.columns, votes=votes))
    found = run_cell(drawn, Cell(0, "votes", 0.0), CellOptions(named(PLAIN, CLEAN, "aum:drop"), 0.3, 2))
    assert found["share_turned"] == 0
    assert found["share_made_ties"] == pytest.approx(0.5, abs=0.1)
    assert found["detectors"]["aum"]["auroc"] is None


def test_an_arm_that_cannot_be_trained_is_named_and_the_others_go_on():
    class Stumbles:
        def train(self, arms):
            if any(arm.name == self.over for arm in arms):
                raise RunError("a head did not converge")
            return [SimpleNamespace(name=arm.name) for arm in arms]

    trainer, arms = Stumbles(), [Arm(name, Supervision.plain(np.ones(3))) for name in (PLAIN, CLEAN, "margin", "drop")]
    trainer.over = "margin"
    trained, failed = train_arms(trainer, arms, {PLAIN, CLEAN})
    assert list(trained) == [PLAIN, CLEAN, "drop"]
    assert failed == {"margin": "a head did not converge"}
    trainer.over = PLAIN
    with pytest.raises(RunError, match="did not converge"):
        train_arms(trainer, arms, {PLAIN, CLEAN})


def test_a_debiased_detector_is_a_detector(pairs):
    found = run_cell(pairs, Cell(0, "uniform", 0.3), CellOptions(named(PLAIN, CLEAN, "debias+aum:drop"), 0.3, 2))
    assert list(found["detectors"]) == ["aum"]
    assert found["arms"]["debias+aum:drop"]["share_dropped"] > 0.1


def test_cells_share_the_set_as_it_came():
    cells = cells_of(("uniform", "votes"), (0.0, 0.2), range(2))
    assert [cell.key for cell in cells] == [
        f"{name} seed {seed}" for seed in (0, 1) for name in ("none 0", "uniform 0.2", "votes 0")
    ]


def test_a_cell_whose_recipe_is_gone_ends_the_study(tmp_path):
    made_pairs(300, 6).save(tmp_path / "pairs.safetensors")
    options = CellOptions(named(PLAIN, CLEAN, "nowhere.yaml"), 0.3, 2)
    given = {"pairs_file": str(tmp_path / "pairs.safetensors"), "options": asdict(options)}
    with pytest.raises(ConfigError, match="nowhere.yaml"):
        open_cells(given)(asdict(Cell(0, "uniform", 0.2)))
