from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_evidence import random_evidence, same

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.refining.rules.decisions import Decisions
from rewardsmith.refining.rules.labels import Drop, Flip, Smooth, Tie
from rewardsmith.refining.rules.reweight import Reweight
from rewardsmith.refining.rules.soft_label import SoftLabel, vote_targets
from rewardsmith.refining.rules.table import RULES
from rewardsmith.refining.selection import Where
from rewardsmith.refining.supervision import Supervision

DOUBTED = Where(p_wrong=(0.5, None))


@pytest.mark.parametrize("rule", [Drop, Flip, Tie])
def test_a_rule_that_makes_no_sense_everywhere_needs_a_condition(rule):
    with pytest.raises(ConfigError, match="needs a condition under `where`"):
        rule()


PARAMETERS: dict[str, list[dict]] = {
    "drop": [{}],
    "flip": [{}],
    "smooth": [{"alpha": 0.2}],
    "soft_label": [{}, {"from_": "votes"}, {"from_": "vote_share"}],
    "tie": [{}],
    "reweight": [{}, {"by": "spread"}, {"by": "constant", "factor": 0.5}],
    "influence_weights": [{}, {"group": "category"}],
    "adaptive_margin": [{}, {"source": "in_sample"}, {"clip": (0.0, 1.0)}],
    "decisions": [{}],
}
CONDITIONS: dict[str, list] = {
    "strength_quantile": [(0.0, 0.3), (0.5, 1.0)],
    "strength": [(None, 0.0), (1.0, None)],
    "p_wrong": [(0.5, None), (0.2, 0.6)],
    "spread_quantile": [(0.0, 0.5)],
    "strength_class": [("incorrect", "strong")],
    "category": [("a",)],
    "source": [("s",)],
    "annotator": [("ann", "bob")],
    "decision": [("keep", "flip"), ("drop",)],
}
CHOSEN = st.lists(st.sampled_from(sorted(CONDITIONS)), min_size=1, max_size=2, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(CONDITIONS[name]) for name in names})
)


@pytest.mark.parametrize("name", RULES)
@settings(deadline=None, max_examples=15)
@given(conditions=CHOSEN, seed=st.integers(0, 1000))
def test_a_rule_changes_only_pairs_that_it_selected_and_that_its_conditions_allow(name, conditions, seed):
    evidence, given_labels = random_evidence(300, seed)
    rng, number = np.random.default_rng(seed), len(given_labels)
    now = Supervision(  # whatever rules before it may have left
        rng.choice([0.0, 0.3, 0.5, 0.9, 1.0], number),
        rng.choice([-1.0, 0.0, 2.0], number),
        rng.choice([0.0, 0.5, 1.0], number),
        rng.random(number) < 0.3,
    )
    for parameters in PARAMETERS[name]:
        rule = RULES[name](where=Where(**conditions), **parameters)
        try:
            change = rule.apply(evidence, now)
        except DataError:  # too few pairs to balance, or judges that tell nothing
            assert name in ("influence_weights", "adaptive_margin")
            continue
        assert (now.equal(change.supervision) | change.selected).all()
        assert not (change.selected & ~Where(**conditions).select(evidence)).any()


def test_drop_takes_the_weight_and_nothing_else():
    evidence, given = random_evidence()
    change = Drop(where=DOUBTED).apply(evidence, given)
    assert (change.supervision.weight[change.selected] == 0).all()
    assert same(change.supervision, replace(given, weight=change.supervision.weight))


def test_a_flip_is_of_labels_but_no_margins_and_no_ties():
    evidence, given = random_evidence()
    change = Flip(where=Where(category=("a",))).apply(evidence, given)
    now, chosen = change.supervision, change.selected
    assert np.array_equal(now.target[chosen], 1 - given.target[chosen])
    assert np.array_equal(now.margin, given.margin)
    assert np.array_equal(now.swapped, chosen)
    assert not (chosen & (given.target == 0.5)).any()


def test_flipping_twice_is_not_flipping():
    evidence, given = random_evidence()
    rule = Flip(where=DOUBTED)
    again = rule.apply(evidence, rule.apply(evidence, given).supervision).supervision
    np.testing.assert_allclose(again.target, given.target, atol=1e-15)
    assert not again.swapped.any()


def test_smoothing_moves_towards_a_half_on_either_side():
    evidence, given = random_evidence()
    now = Smooth(alpha=0.2).apply(evidence, given).supervision
    np.testing.assert_allclose(now.target, 0.5 + (given.target - 0.5) * (1 - 2 * 0.2), atol=1e-15)


@pytest.mark.parametrize("alpha", [0.0, 0.6, float("nan")])
def test_smoothing_beyond_a_half_is_refused(alpha):
    with pytest.raises(ConfigError, match="alpha"):
        Smooth(alpha=alpha)


def test_a_tie_asks_for_no_gap():
    evidence, given = random_evidence()
    change = Tie(where=DOUBTED).apply(evidence, replace(given, margin=given.margin + 3))
    assert (change.supervision.target[change.selected] == 0.5).all()
    assert (change.supervision.margin[change.selected] == 0).all()


@pytest.mark.parametrize("rule", [SoftLabel(), Tie(where=DOUBTED), Smooth(alpha=0.5)])
def test_what_writes_a_flipped_target_anew_takes_the_flip_back(rule):
    evidence, given = random_evidence()
    flipped = Flip(where=DOUBTED).apply(evidence, given).supervision
    change = rule.apply(evidence, flipped)
    assert (change.selected & flipped.swapped).any()
    assert not change.supervision.swapped[change.selected].any()
    assert np.array_equal(change.supervision.swapped[~change.selected], flipped.swapped[~change.selected])
    tied = Tie(where=DOUBTED).apply(evidence, given).supervision
    assert not Flip(where=DOUBTED).apply(evidence, tied).supervision.swapped.any()


def test_a_flip_that_is_smoothed_stays_one():
    evidence, given = random_evidence()
    flipped = Flip(where=DOUBTED).apply(evidence, given).supervision
    assert np.array_equal(Smooth(alpha=0.1).apply(evidence, flipped).supervision.swapped, flipped.swapped)


def test_the_posterior_is_that_of_chosen_whichever_side_the_label_takes():
    evidence, given = random_evidence()
    evidence = replace(evidence, p_wrong=np.where(evidence.decided, 0.3, np.nan))
    change = SoftLabel().apply(evidence, given)
    assert set(change.supervision.target[given.target > 0.5].tolist()) == {0.7}
    np.testing.assert_allclose(change.supervision.target[given.target < 0.5], 0.3, atol=1e-15)
    assert np.array_equal(change.selected, evidence.decided)


def test_the_structured_posterior_is_that_of_chosen_too():
    evidence, given = random_evidence()
    evidence = replace(evidence, p_wrong_structured=np.where(evidence.decided, 0.4, np.nan))
    change = SoftLabel(from_="structured").apply(evidence, given)
    np.testing.assert_allclose(change.supervision.target[given.target > 0.5], 0.6, atol=1e-15)
    np.testing.assert_allclose(change.supervision.target[given.target < 0.5], 0.4, atol=1e-15)
    assert np.array_equal(change.selected, evidence.decided)
    index = int(np.flatnonzero(change.selected)[0])
    assert "by structured posterior: " in change.reason(index) and "p_wrong_structured 0.40" in change.reason(index)


def test_a_structured_posterior_that_does_not_exist_is_not_guessed():
    evidence, given = random_evidence()
    unknown = np.full(len(evidence), np.nan)
    with pytest.raises(DataError, match="no p_wrong_structured"):
        SoftLabel(from_="structured").apply(replace(evidence, p_wrong_structured=unknown), given)


def test_the_share_of_judges_is_a_target():
    evidence, given = random_evidence()
    change = SoftLabel(from_="vote_share").apply(evidence, given)
    assert np.array_equal(change.supervision.target[change.selected], evidence.vote_share[change.selected])
    assert np.array_equal(change.selected, evidence.decided & ~np.isnan(evidence.vote_share))


@pytest.mark.parametrize("rule", [SoftLabel(where=Where(in_sample=True)), Reweight(where=Where(in_sample=True))])
def test_in_sample_members_are_not_taken_for_those_that_p_wrong_rests_on(rule):
    evidence, given = random_evidence()
    with pytest.raises(DataError, match="in_sample: p_wrong and the classes of this audit"):
        rule.apply(evidence, given)
    nothing = np.full(len(evidence), np.nan)
    in_sample_only = replace(evidence, strength_mean=nothing, strength_std=nothing)
    assert rule.apply(in_sample_only, given).selected.any()


@pytest.mark.parametrize("rule", [SoftLabel(), SoftLabel(from_="vote_share"), Reweight()])
def test_what_is_known_of_no_pair_is_an_error_and_not_a_rule_without_effect(rule):
    evidence, given = random_evidence()
    nothing = np.full(len(evidence), np.nan)
    with pytest.raises(DataError, match="it is known of no pair"):
        rule.apply(replace(evidence, p_wrong=nothing, vote_share=nothing), given)


def test_votes_of_judges_are_of_those_that_were_held_out():
    with pytest.raises(ConfigError, match="leave in_sample out"):
        SoftLabel(from_="vote_share", where=Where(in_sample=True))


def test_votes_are_counted_with_a_prior():
    votes = np.array([[3.0, 1.0, 2.0], [0.0, 0.0, 5.0], [np.nan, np.nan, np.nan], [2.0, np.nan, np.nan]])
    targets = vote_targets(votes, prior_votes=1.0)
    assert targets[0] == pytest.approx((3 + 1) / (3 + 1 + 2))
    assert np.isnan(targets[1:3]).all()
    assert targets[3] == pytest.approx(3 / 4)
    assert vote_targets(votes, prior_votes=0.0)[3] == 1.0


def test_votes_that_do_not_exist_are_not_guessed():
    evidence, given = random_evidence()
    with pytest.raises(DataError, match="the set has no votes"):
        SoftLabel(from_="votes").apply(replace(evidence, votes=np.full_like(evidence.votes, np.nan)), given)


def test_certainty_weighs_by_how_much_more_likely_a_label_is_right_than_wrong():
    evidence, given = random_evidence()
    change = Reweight().apply(evidence, given)
    chosen = change.selected & (given.target != 0.5)
    expected = given.weight[chosen] * np.maximum(1 - 2 * evidence.p_wrong[chosen], 0)
    np.testing.assert_allclose(change.supervision.weight[chosen], expected)
    assert np.array_equal(change.selected, ~np.isnan(evidence.p_wrong))
    flipped = Reweight().apply(evidence, given.changed(chosen, target=1 - given.target)).supervision
    expected = given.weight[chosen] * np.maximum(2 * evidence.p_wrong[chosen] - 1, 0)
    np.testing.assert_allclose(flipped.weight[chosen], expected)


def test_the_usual_spread_weighs_a_half():
    evidence, given = random_evidence(seed=3)
    change = Reweight(by="spread").apply(evidence, replace(given, weight=np.ones(len(given))))
    usual = np.nanmedian(evidence.strength_std)
    narrow = change.selected & (evidence.strength_std < usual)
    assert (change.supervision.weight[narrow] > 0.5).all()
    assert (change.supervision.weight[change.selected & ~narrow] <= 0.5).all()
    expected = 1 / (1 + np.square(evidence.strength_std[narrow] / usual))
    np.testing.assert_allclose(change.supervision.weight[narrow], expected)


def test_a_constant_multiplies_what_is_there():
    evidence, given = random_evidence()
    change = Reweight(by="constant", factor=0.25, where=Where(source=("s",))).apply(evidence, given)
    assert np.array_equal(change.supervision.weight, np.where(change.selected, given.weight / 4, given.weight))
    with pytest.raises(ConfigError, match="goes with `by: constant`"):
        Reweight(by="certainty", factor=2.0)


def test_a_person_overrules_the_rules_before():
    evidence, given = random_evidence(600)
    drop, flip = Drop(where=Where(category=("a",))), Flip(where=Where(category=("b",)))
    before = flip.apply(evidence, drop.apply(evidence, given).supervision).supervision
    before = replace(before, margin=before.margin + 3)  # as the judges would have it
    change = Decisions().apply(evidence, before)
    now, decision = change.supervision, np.array([word or "" for word in evidence.decision])
    kept, flipped, tied, dropped = (decision == word for word in ("keep", "flip", "tie", "drop"))
    assert np.array_equal(change.selected, decision != "")
    assert np.array_equal(now.target[kept], given.target[kept]) and not now.swapped[kept].any()
    assert np.array_equal(now.margin[kept | flipped], given.margin[kept | flipped]) and given.margin[flipped].any()
    assert np.array_equal(now.weight[kept | flipped | tied], given.weight[kept | flipped | tied])
    assert np.array_equal(now.target[flipped], 1 - given.target[flipped])
    assert np.array_equal(now.swapped[flipped], given.target[flipped] != 0.5)
    assert (now.target[tied] == 0.5).all() and (now.margin[tied] == 0).all()
    assert (now.weight[dropped] == 0).all()


def test_decisions_that_nobody_took_are_an_error():
    evidence, given = random_evidence()
    with pytest.raises(DataError, match="their file, `decisions`"):
        Decisions().apply(replace(evidence, decision=[None] * len(evidence)), given)


def test_a_reason_has_the_figures_of_its_pair():
    evidence, given = random_evidence()
    change = Drop(where=DOUBTED).apply(evidence, given)
    index = int(np.flatnonzero(change.selected & ~np.isnan(evidence.strength_mean))[0])
    words = change.reason(index)
    assert f"p_wrong {evidence.p_wrong[index]:.2f}" in words
    assert f"strength {evidence.strength_mean[index]:.2f}" in words
