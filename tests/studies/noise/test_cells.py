from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_pairs import made_pairs

from rewardsmith.errors import ConfigError, RunError
from rewardsmith.refining.recipe import apply_recipe, load_recipe
from rewardsmith.refining.supervision import Supervision
from rewardsmith.strength.design import Design
from rewardsmith.studies.noise import cells as cells_module
from rewardsmith.studies.noise import held_out, probe_trainer
from rewardsmith.studies.noise.arms import Arm
from rewardsmith.studies.noise.cells import Cell, CellOptions, cells_of, noise_rng, run_cell, train_arms
from rewardsmith.studies.noise.credits import decode
from rewardsmith.studies.noise.methods import ALL, CLEAN, PLAIN, make_arm, make_arms, parse_methods
from rewardsmith.studies.noise.planting import plant
from rewardsmith.studies.noise.probe_trainer import ProbeTrainer
from rewardsmith.studies.noise.splits import split_pairs
from rewardsmith.studies.noise.study_pairs import StudyPairs
from rewardsmith.studies.noise.suspects import DETECTORS, Suspects
from rewardsmith.studies.noise.trial import Trial

METHODS = (PLAIN, CLEAN, "drop", "soft_label", "margin", "early_stop", "noise_aware", "debias")
STRUCTURED = ("structured_soft_label", "structured_noise_aware")
OPTIONS = CellOptions((*METHODS, *STRUCTURED, "ours:drop", "aum:oracle", "oracle:flip"), test_share=0.3, num_judges=3)


@pytest.fixture(scope="module")
def pairs():
    return made_pairs(1200, 12, seed=1)


@pytest.fixture(scope="module")
def uniform(pairs):
    return run_cell(pairs, Cell(0, "uniform", 0.3), OPTIONS)


@pytest.fixture(scope="module")
def suspects(pairs):
    noisy = plant("uniform", pairs.facts, 0.25, np.random.default_rng(5))
    return Suspects(pairs, noisy, num_judges=3, seed=0)


def test_a_cell_tells_everything_of_every_method(uniform):
    assert list(uniform["arms"]) == list(OPTIONS.methods)
    assert uniform["share_turned"] == pytest.approx(0.3, abs=1e-3)
    assert uniform["num_train"] + uniform["num_test"] == 1200
    for arm in uniform["arms"].values():
        credit = decode(arm["credit"], uniform["num_test"])
        assert credit.mean() == pytest.approx(arm["accuracy"])
        assert arm["nll"] > 0
    assert uniform["arms"]["plain"]["label_error"] == pytest.approx(0.3, abs=1e-3)
    assert uniform["arms"]["clean"]["label_error"] == uniform["arms"]["oracle:flip"]["label_error"] == 0


def test_noise_costs_accuracy_and_the_oracle_wins_it_back(uniform):
    accuracy = {name: arm["accuracy"] for name, arm in uniform["arms"].items()}
    assert accuracy["clean"] > accuracy["plain"] + 0.02
    assert accuracy["oracle:flip"] == pytest.approx(accuracy["clean"], abs=0.02)


def test_repaired_labels_are_nearer_to_the_truth(uniform):
    errors = {name: arm["label_error"] for name, arm in uniform["arms"].items()}
    assert errors["drop"] < errors["soft_label"] < errors["plain"]
    assert uniform["arms"]["ours:drop"]["share_dropped"] > 0.2


def test_the_same_cell_is_the_same(pairs, uniform):
    again = run_cell(pairs, Cell(0, "uniform", 0.3), OPTIONS)
    assert {**again, "seconds": 0} == {**uniform, "seconds": 0}


def test_a_cell_takes_its_training_pairs_once(pairs, monkeypatch):
    taken, take = [], StudyPairs.take
    monkeypatch.setattr(StudyPairs, "take", lambda self, rows: taken.append(len(rows)) or take(self, rows))
    found = run_cell(pairs, Cell(0, "uniform", 0.3), replace(OPTIONS, methods=("plain", "clean")))
    assert taken == [found["num_train"]]


def test_a_preference_for_length_is_repaired_without_the_truth(pairs):
    found = run_cell(pairs, Cell(0, "longer", 0.3), OPTIONS)["arms"]
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


def test_what_is_chosen_is_chosen_on_labels_that_were_kept_aside():
    """A head that has learned labels by heart which follow nothing is worth nothing, and its scale says so."""
    wide = made_pairs(600, 60, seed=5)
    split = split_pairs(wide.split_groups, 0.3, 0)
    noisy = np.random.default_rng(0).integers(2, size=len(split.train)).astype(float)
    trainer = ProbeTrainer(Trial(wide, split, np.zeros(len(noisy), dtype=bool), wide.take(split.train), noisy))
    for form in ("plain", "debiased", "early_stopping"):
        trained = trainer.train([Arm(PLAIN, Supervision.plain(noisy), form)])[0]
        assert np.abs(trained.scale * trained.gaps).mean() < 0.15


def test_a_rate_that_cannot_be_planted_is_skipped_with_a_reason(pairs):
    short = replace(pairs, facts=replace(pairs.facts, longer=np.ones(len(pairs))))
    found = run_cell(short, Cell(0, "longer", 0.3), OPTIONS)
    assert "arms" not in found
    assert found["skipped"] == "only 0.0% of the labels can be turned round this way"


def test_a_recipe_that_cannot_be_applied_fails_alone(pairs, tmp_path):
    recipe = tmp_path / "balanced.yaml"
    recipe.write_text("rules: [{rule: influence_weights, group: category}]")  # and no pair has a category
    found = run_cell(pairs, Cell(0, "uniform", 0.2), CellOptions((PLAIN, CLEAN, str(recipe), "drop"), 0.3, 2))
    assert set(found["arms"]) == {PLAIN, CLEAN, "drop"}
    assert list(found["failed"]) == [str(recipe)] and "there is none" in found["failed"][str(recipe)]


def test_a_recipe_may_name_categories_and_read_features(pairs, tmp_path):
    codes = pairs.facts.clusters
    named = replace(pairs, categories=tuple(f"kind {code}" for code in range(codes.max() + 1)))
    dropping, balancing = tmp_path / "dropping.yaml", tmp_path / "balancing.yaml"
    dropping.write_text("rules: [{rule: drop, where: {category: [kind 0]}}]")
    balancing.write_text("rules: [{rule: influence_weights}]")
    options = CellOptions((PLAIN, CLEAN, str(dropping), str(balancing)), 0.3, 2)
    found = run_cell(named, Cell(0, "uniform", 0.2), options)
    assert found["arms"][str(dropping)]["share_dropped"] == pytest.approx((codes == 0).mean(), abs=0.05)
    assert (codes == 0).mean() > 0.1
    assert found["arms"][str(balancing)]["credit"] != found["arms"][PLAIN]["credit"]


@pytest.mark.parametrize(
    "rule",
    ["decisions", "soft_label, from: votes", "drop, where: {source: [a]}", "influence_weights, group: annotator"],
)
def test_recipes_that_go_by_what_a_study_does_not_tell_are_refused_at_the_start(rule, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"rules: [{{rule: {rule}}}]")
    with pytest.raises(ConfigError, match="which a study does not tell"):
        parse_methods(str(recipe))


def test_the_order_of_the_responses_does_not_tell_the_truth(pairs, monkeypatch):
    """In a set as it comes every true label is 1; whoever looks for wrong labels must not be able to use that."""
    ordered = pairs.turned(pairs.facts.target < 0.5)
    assert (ordered.facts.target == 1).all()
    seen = []

    def looks(names, suspects, truth):
        seen.append(truth)
        return make_arms(names, suspects, truth)

    monkeypatch.setattr(cells_module, "make_arms", looks)
    run_cell(ordered, Cell(0, "uniform", 0.3), CellOptions((PLAIN, CLEAN), 0.3, 2))
    assert seen[0].mean() == pytest.approx(0.5, abs=0.07)  # four standard errors of 840 coins


def test_turned_pairs_are_the_same_pairs(pairs):
    which = np.random.default_rng(0).random(len(pairs)) < 0.5
    turned = pairs.turned(which)
    np.testing.assert_array_equal(turned.facts.target[which], 1 - pairs.facts.target[which])
    np.testing.assert_array_equal(turned.facts.longer[which], -pairs.facts.longer[which])
    np.testing.assert_array_equal(turned.responses[which], pairs.responses[which][:, ::-1])
    assert turned.widest.rows[which].equal(-pairs.widest.rows[which])
    assert turned.widest.rows[~which].equal(pairs.widest.rows[~which])
    votes = replace(pairs, facts=replace(pairs.facts, votes=np.tile([3.0, 2.0, 1.0], (len(pairs), 1)))).turned(which)
    np.testing.assert_array_equal(votes.facts.votes[which], np.tile([2.0, 3.0, 1.0], (which.sum(), 1)))


def test_a_cell_does_not_depend_on_the_order_of_the_responses(pairs):
    options = CellOptions((PLAIN, CLEAN, "drop", "structured_drop", "cleanlab:flip"), 0.3, 2)
    turned = pairs.turned(np.random.default_rng(3).random(len(pairs)) < 0.5)
    one, two = (run_cell(own, Cell(0, "longer", 0.2), options)["arms"] for own in (pairs, turned))
    for name in (PLAIN, CLEAN, "drop", "structured_drop"):
        assert one[name]["accuracy"] == pytest.approx(two[name]["accuracy"], abs=0.006)  # rounding turns a close pair
        assert one[name]["label_error"] == pytest.approx(two[name]["label_error"], abs=0.01)


def test_a_tie_is_no_wrong_label(pairs, suspects):
    """Neither a drawn one nor, to an oracle that turns labels round, a true one."""
    truth = pairs.facts.target.copy()
    truth[:50] = 0.5
    target = make_arm("oracle:flip", suspects, truth).supervision.target
    np.testing.assert_array_equal(target[:50], suspects.noisy[:50])
    np.testing.assert_array_equal(target[50:], truth[50:])
    votes = np.tile([0.0, 0.0, 1.0], (len(pairs), 1))
    votes[600:] = np.nan
    drawn = replace(pairs, facts=replace(pairs.facts, votes=votes))
    found = run_cell(drawn, Cell(0, "votes", 0.0), CellOptions((PLAIN, CLEAN, "aum:drop"), 0.3, 2))
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
    trained, failed = train_arms(trainer, arms)
    assert list(trained) == [PLAIN, CLEAN, "drop"]
    assert failed == {"margin": "a head did not converge"}
    trainer.over = PLAIN
    with pytest.raises(RunError, match="did not converge"):
        train_arms(trainer, arms)


def test_a_debiased_detector_is_a_detector(pairs):
    found = run_cell(pairs, Cell(0, "uniform", 0.3), CellOptions((PLAIN, CLEAN, "debias+aum:drop"), 0.3, 2))
    assert list(found["detectors"]) == ["aum"]
    assert found["arms"]["debias+aum:drop"]["share_dropped"] > 0.1


def test_rates_are_those_of_the_chosen_response_first(pairs):
    """Where chosen is the longer response, it is called better though it is worse more often than the other way; equal
    lengths have no direction."""
    noisy = plant("longer", pairs.facts, 0.3, np.random.default_rng(5))
    longer = pairs.facts.longer.copy()
    longer[:50] = 0
    rates = Suspects(replace(pairs, facts=replace(pairs.facts, longer=longer)), noisy, 3, 0).structured_rates
    np.testing.assert_array_equal(rates[:50, 0], rates[:50, 1])
    assert rates[longer > 0, 0].mean() > rates[longer > 0, 1].mean() + 0.2
    assert rates[longer < 0, 1].mean() > rates[longer < 0, 0].mean() + 0.2


def test_nothing_but_the_oracle_and_clean_reads_the_truth(pairs, suspects):
    """Supervision is the same whatever the truth is said to be."""
    rng = np.random.default_rng(0)
    lie = rng.permutation(pairs.facts.target)
    lie[:400] = 1 - lie[:400]
    other = Suspects(replace(pairs, facts=replace(pairs.facts, target=lie)), suspects.noisy, 3, 0)
    for method in ALL:
        if "oracle" in method or method == CLEAN:
            continue
        one, two = make_arm(method, suspects, pairs.facts.target), make_arm(method, other, lie)
        assert one.supervision.equal(two.supervision).all(), method
        assert one.given is None
        if one.error_rates is not None:
            np.testing.assert_array_equal(one.error_rates, two.error_rates)


def test_no_test_label_is_read_in_training(pairs):
    """Gaps stay the same when the labels of the test are others."""
    split = split_pairs(pairs.split_groups, 0.3, 0)
    target = pairs.facts.target.copy()
    target[split.test] = 0.0
    other = replace(pairs, facts=replace(pairs.facts, target=target))
    gaps = []
    for own in (pairs, other):
        train = own.take(split.train)
        noisy = plant("uniform", train.facts, 0.2, noise_rng(Cell(0, "uniform", 0.2)))
        arm = make_arm("soft_label", Suspects(train, noisy, 3, 0), train.facts.target)
        trial = Trial(own, split, np.zeros(len(noisy), dtype=bool), train, noisy)
        gaps.append(ProbeTrainer(trial).train([arm])[0].gaps)
    np.testing.assert_array_equal(*gaps)


def test_every_detector_finds_uniform_flips_better_than_chance(suspects, pairs):
    wrong = suspects.noisy != pairs.facts.target
    for detector in DETECTORS:
        flagged = suspects.flagged(detector)
        assert wrong[flagged].mean() > 2 * wrong.mean(), detector
    ranked = {suspects.flagged(name).sum() for name in DETECTORS if name != "cleanlab"}
    assert len(ranked) == 1


def test_the_share_of_wrong_labels_is_about_right(suspects):
    assert suspects.share == pytest.approx(0.25, abs=0.05)


def test_debiased_arms_differ_only_in_form(suspects, pairs):
    plain = make_arm("soft_label", suspects, pairs.facts.target)
    debiased = make_arm("debias+soft_label", suspects, pairs.facts.target)
    assert debiased.form == "debiased"
    assert plain.supervision.equal(debiased.supervision).all()


@pytest.mark.parametrize("name", ["drop", "flip_wrong", "soft_label"])
def test_a_structured_recipe_does_what_the_recipe_does_on_the_structured_audit(suspects, pairs, name):
    arm = make_arm(f"structured_{name}", suspects, pairs.facts.target)
    given = Supervision.plain(suspects.noisy)
    expected = apply_recipe(load_recipe(name), suspects.structured[0], given).supervision
    assert arm.supervision.equal(expected).all()
    assert not arm.supervision.equal(make_arm(name, suspects, pairs.facts.target).supervision).all()


def test_any_recipe_may_be_put_on_the_structured_audit(suspects, pairs):
    arm = make_arm("structured_margin", suspects, pairs.facts.target)
    expected = apply_recipe(load_recipe("margin"), suspects.structured[0], Supervision.plain(suspects.noisy))
    assert arm.supervision.equal(expected.supervision).all() and arm.supervision.margin.any()


def test_a_file_of_rules_may_read_both_audits(suspects, pairs, tmp_path):
    path = tmp_path / "both.yaml"
    path.write_text("rules:\n- {rule: drop, where: {p_wrong: [0.5, null], p_wrong_structured: [0.5, null]}}\n")
    dropped = make_arm(str(path), suspects, pairs.facts.target).supervision.weight == 0
    both = (suspects.evidence.p_wrong >= 0.5) & (suspects.structured[0].p_wrong >= 0.5)
    assert np.array_equal(dropped, both) and both.any()


def test_judges_that_say_nothing_change_nothing(pairs):
    blind = [Design(design.candidate, torch.zeros_like(design.rows)) for design in pairs.designs]
    suspects = Suspects(replace(pairs, designs=blind), pairs.facts.target, 3, 0)
    arm = make_arm("structured_soft_label", suspects, pairs.facts.target)
    assert arm.supervision.equal(Supervision.plain(pairs.facts.target)).all()


def test_cells_share_the_set_as_it_came():
    cells = cells_of(("uniform", "votes"), (0.0, 0.2), range(2))
    assert [cell.key for cell in cells] == [
        f"{name} seed {seed}" for seed in (0, 1) for name in ("none 0", "uniform 0.2", "votes 0")
    ]


def test_pairs_are_read_back_as_they_were_written(pairs, tmp_path):
    pairs.save(tmp_path / "pairs.safetensors")
    back = StudyPairs.load(tmp_path / "pairs.safetensors")
    np.testing.assert_array_equal(back.facts.belief, pairs.facts.belief)
    np.testing.assert_array_equal(back.responses, pairs.responses)
    assert back.widest.rows.equal(pairs.widest.rows)


def test_methods_are_checked_when_they_are_named():
    assert parse_methods("all")[:2] == (PLAIN, CLEAN)
    assert parse_methods("drop, aum:drop,drop") == (PLAIN, CLEAN, "drop", "aum:drop")
    with pytest.raises(ConfigError, match="'aum:dorp' is no method. Did you mean aum:drop?"):
        parse_methods("aum:dorp")
    with pytest.raises(ConfigError, match="'soft_labels' is no method. Did you mean soft_label?"):
        parse_methods("soft_labels")
    with pytest.raises(ConfigError, match="noise_aware is trained in its own way"):
        parse_methods("debias+noise_aware")
    with pytest.raises(ConfigError, match="cannot be read"):
        parse_methods("nowhere.yaml")


def test_methods_that_a_trainer_cannot_train_are_refused_or_left_out_of_all():
    assert set(ALL) - set(parse_methods("all", "forked")) == {"debias", "debias+soft_label", "early_stop"}
    with pytest.raises(ConfigError, match=r"'debias\+drop' is not for --trainer forked: .*frozen features"):
        parse_methods("drop,debias+drop", "forked")
    with pytest.raises(ConfigError, match="'early_stop' is not for --trainer forked: .*`plain`"):
        parse_methods("early_stop", "forked")


def test_the_best_penalty_is_found_behind_a_valley(pairs, monkeypatch):
    """Likelihoods in the order of the search, from strong to weak penalties, with two maxima."""
    found = iter([4.0, 3.0, 2.0, 1.0, 0.0, 0.0, 5.0, 1.0, 0.0, 0.0])
    monkeypatch.setattr(held_out, "calibrated_likelihood", lambda *_: np.array([next(found)]))
    split = split_pairs(pairs.split_groups, 0.3, 0)
    truth = pairs.facts.target[split.train]
    trial = Trial(pairs, split, np.zeros(len(truth), dtype=bool), pairs.take(split.train), truth)
    [trained] = ProbeTrainer(trial).train([Arm(PLAIN, Supervision.plain(truth))])
    assert trained.choice == f"l2 {probe_trainer.L2_GRID[-7]:g}"
