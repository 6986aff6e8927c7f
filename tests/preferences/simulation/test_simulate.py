from __future__ import annotations

import json
import math

import numpy as np
import pytest

from rewardsmith.errors import ConfigError
from rewardsmith.preferences.simulation.annotators import closeness, draw_exactly, first_wins
from rewardsmith.preferences.simulation.features import simulate_features
from rewardsmith.preferences.simulation.simulate import simulate


def truth(rows, name):
    return np.array([row["meta"]["truth"][name] for row in rows])


def length_gaps(rows):
    return np.array([len(row["chosen"]) - len(row["rejected"]) for row in rows])


def test_same_arguments_give_the_same_rows_and_another_seed_gives_others():
    arguments = {"annotator_skills": (1.0, 0.5), "flip_rate": 0.1, "tie_rate": 0.1}
    assert simulate(200, seed=3, **arguments) == simulate(200, seed=3, **arguments)
    assert simulate(200, seed=3)[0]["chosen"] != simulate(200, seed=4)[0]["chosen"]


def test_rows_are_in_the_votes_form_and_truth_is_only_under_meta():
    row = json.loads(json.dumps(simulate(10)[0]))
    assert set(row) == {"id", "source", "prompt", "chosen", "rejected", "votes", "category", "annotator_id", "meta"}
    assert row["prompt"][0]["role"] == "user"
    assert row["votes"] == {"chosen": 1, "rejected": 0, "tie": 0}
    assert set(row["meta"]) == {"truth"}


def test_no_pair_occurs_twice_and_responses_differ():
    for pairs_per_prompt, num_prompts in ((6, 1000), (6000, 1)):
        rows = simulate(6000, pairs_per_prompt=pairs_per_prompt)
        keys = {(r["prompt"][0]["content"], *sorted((r["chosen"], r["rejected"]))) for r in rows}
        assert len(keys) == 6000
        assert len({r["prompt"][0]["content"] for r in rows}) == num_prompts
        assert all(r["chosen"] != r["rejected"] for r in rows)


def test_exact_annotators_make_no_errors_and_planted_flips_are_counted_exactly():
    assert not truth(simulate(500, annotator="exact"), "wrong").any()
    rows = simulate(500, annotator="exact", flip_rate=0.2)
    assert truth(rows, "flipped").sum() == 100
    assert (truth(rows, "flipped") == truth(rows, "wrong")).all()
    assert ((truth(rows, "gap") < 0) == truth(rows, "wrong")).all()


def test_length_is_not_a_giveaway_on_clean_labels():
    gaps = length_gaps(simulate(4000, annotator="exact"))
    assert abs(np.mean(gaps[gaps != 0] > 0) - 0.5) < 0.03


def test_quality_of_the_text_carries_the_stated_share_of_the_true_gap():
    rows = simulate(4000, annotator="exact", unexplained=0.3, gap_std=1.5)
    gap = truth(rows, "gap")
    correlation = np.corrcoef(truth(rows, "quality_chosen") - truth(rows, "quality_rejected"), gap)
    signed = np.concatenate([gap, -gap])
    # 4,000 draws give a standard deviation to about 1.1 %; this is four and a half of those errors.
    assert signed.std() == pytest.approx(1.5, rel=0.05)
    assert correlation[0, 1] > 0.5


def test_bradley_terry_follows_the_sigmoid_and_thurstone_the_normal_curve():
    rng = np.random.default_rng(0)
    gap, skill = np.full(200_000, 1.0), np.ones(200_000)
    assert first_wins(gap, skill, "bradley_terry", rng).mean() == pytest.approx(1 / (1 + math.exp(-1)), abs=0.004)
    phi = 0.5 * (1 + math.erf(1 / 1.702 / math.sqrt(2)))
    assert first_wins(gap, skill, "thurstone", rng).mean() == pytest.approx(phi, abs=0.004)


def test_error_rate_of_an_annotator_is_half_of_what_its_skill_lacks():
    rows = simulate(6000, annotator="exact", annotator_skills=(1.0, 0.6, 0.0))
    names, wrong = np.array([r["annotator_id"] for r in rows]), truth(rows, "wrong")
    for k, expected in enumerate((0.0, 0.2, 0.5)):
        assert wrong[names == f"annotator-{k}"].mean() == pytest.approx(expected, abs=0.035)


def test_hard_flips_sit_on_close_pairs():
    d = simulate_features(4000, flips="hard", flip_rate=0.2)
    size = np.abs(d.true_gap)
    assert size[d.flipped].mean() < 0.5 * size[~d.flipped].mean()


def test_longer_wins_flips_never_prefer_the_shorter_response():
    rows = simulate(1000, annotator="exact", flips="longer", flip_rate=0.25)
    flipped = truth(rows, "flipped")
    assert flipped.sum() == 250
    assert (length_gaps(rows)[flipped] > 0).all()


def test_category_flips_cluster_in_half_of_the_categories():
    rows = simulate(2400, annotator="exact", flips="category", flip_rate=0.2)
    flipped, names = truth(rows, "flipped"), np.array([r["category"] for r in rows])
    rates = sorted(flipped[names == name].mean() for name in set(names))
    assert max(rates[:4]) < 0.06
    assert min(rates[4:]) > 0.25
    assert flipped.sum() == 480


def test_ties_are_counted_and_are_mostly_close_and_never_flipped_or_wrong():
    rows = simulate(1000, tie_rate=0.15, flip_rate=0.2)
    tie = np.array([r["votes"]["tie"] == 1 for r in rows])
    assert tie.sum() == 150
    assert not truth(rows, "flipped")[tie].any()
    assert not truth(rows, "wrong")[tie].any()
    size = np.abs(truth(rows, "gap"))
    assert size[tie].mean() < 0.7 * size[~tie].mean()


def test_votes_of_several_annotators_agree_with_the_label_and_name_nobody():
    rows = simulate(500, votes_per_pair=4, flip_rate=0.1)
    assert all("annotator_id" not in r for r in rows)
    for r in rows:
        assert sum(r["votes"].values()) == 4
        assert r["votes"]["chosen"] >= r["votes"]["rejected"]
    even = [r for r in rows if r["votes"]["chosen"] == r["votes"]["rejected"]]
    assert even
    assert not any(r["meta"]["truth"]["flipped"] for r in even)


def test_more_votes_make_fewer_errors():
    one, five = (truth(simulate(2000, votes_per_pair=v), "wrong").mean() for v in (1, 5))
    assert five < 0.8 * one


def test_features_are_labelled_and_their_linear_part_reaches_the_stated_ceiling():
    d = simulate_features(20_000, 32, unexplained=0.4, flip_rate=0.3)
    assert d.features_chosen.shape == d.features_rejected.shape == (20_000, 32)
    assert d.flipped.sum() == 6000
    assert (d.wrong == d.flipped).all()
    judge = (d.linear_gap > 0) == (d.true_gap > 0)
    assert judge.mean() == pytest.approx(d.ceiling, abs=0.01)
    difference = d.features_chosen - d.features_rejected
    fitted = difference @ np.linalg.lstsq(difference, d.linear_gap, rcond=None)[0]
    assert np.allclose(fitted, d.linear_gap, atol=1e-3)


def test_length_feature_says_nothing_unless_asked():
    plain, biased = simulate_features(20_000), simulate_features(20_000, length_weight=0.5)
    for d, low, high in ((plain, 0.48, 0.52), (biased, 0.6, 0.75)):
        assert low < np.mean(d.length_chosen > d.length_rejected) < high


def test_groups_share_a_category_and_have_the_stated_size():
    d = simulate_features(101, pairs_per_prompt=4)
    assert (np.bincount(d.group) == [4] * 25 + [1]).all()
    assert all(len(set(d.category[d.group == g])) == 1 for g in range(26))


def test_weighted_draw_is_exact_and_leaves_weight_zero_alone():
    weights = np.array([0.0, 1.0, 5.0, 0.0, 1.0])
    drawn = draw_exactly(weights, 3, np.random.default_rng(0))
    assert drawn.tolist() == [False, True, True, False, True]
    assert closeness(np.array([0.0, 1.0, -1.0])).tolist() == pytest.approx([1.0, math.exp(-2), math.exp(-2)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"annotator": "elo"}, "elo"),
        ({"flips": "odd"}, "odd"),
        ({"flip_rate": 1.2}, "`flip_rate` 1.2"),
        ({"tie_rate": -0.1}, "`tie_rate` -0.1"),
        ({"annotator_skills": (1.5,)}, "between 0 and 1"),
        ({"flips": "longer", "flip_rate": 0.9}, "shorter"),
        ({"num_pairs": 0}, "at least 1"),
        ({"votes_per_pair": 0}, "at least 1"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        simulate(**{"num_pairs": 50, **arguments})
