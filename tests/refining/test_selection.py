from dataclasses import replace

import numpy as np
import pytest
from random_evidence import random_evidence

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.refining.evidence import Evidence
from rewardsmith.refining.selection import Where
from rewardsmith.strength.ensembles.judgements import Judgements


def judged_evidence(mean: list[float], in_sample: bool = False) -> Evidence:
    gaps = np.repeat(np.array(mean, dtype=np.float32)[:, None], 2, axis=1)
    judged = Judgements(gaps, np.full(gaps.shape, in_sample), ("", ""))
    return Evidence.from_judgements(np.ones(len(mean)), judged)


def test_no_condition_is_every_pair():
    evidence, _ = random_evidence(50)
    assert Where().is_everything and Where(in_sample=True).is_everything
    assert Where().select(evidence).all()


def test_a_quantile_is_an_exact_share_of_the_judged_pairs():
    evidence = judged_evidence([3.0, -1.0, float("nan"), 2.0, 0.0, 5.0, 5.0, 5.0, 1.0, 4.0, 6.0])
    lowest = Where(strength_quantile=(0.0, 0.2)).select(evidence)
    assert np.flatnonzero(lowest).tolist() == [1, 4]
    parts = [Where(strength_quantile=(k / 10, (k + 1) / 10)).select(evidence) for k in range(10)]
    assert sum(int(part.sum()) for part in parts) == 10
    assert not np.logical_or.reduce(parts)[2]


def test_equal_strengths_are_ranked_in_the_order_of_the_input():
    values = np.random.default_rng(0).integers(0, 3, 1000).astype(float).tolist()
    selected = Where(strength_quantile=(None, 0.1)).select(judged_evidence(values))
    assert np.flatnonzero(selected).tolist() == sorted(sorted(range(1000), key=lambda i: values[i])[:100])


def test_a_range_has_its_low_end_and_not_its_high_end():
    evidence = judged_evidence([-1.0, 0.0, 1.0])
    assert Where(strength=(None, 0.0)).select(evidence).tolist() == [True, False, False]
    assert Where(strength=(0.0, None)).select(evidence).tolist() == [False, True, True]


def test_a_range_that_ends_where_the_scale_ends_has_its_high_end():
    evidence = replace(judged_evidence([1.0, 1.0]), p_wrong=np.array([1.0, 0.9]))
    assert Where(p_wrong=(0.5, 1.0)).select(evidence).all()
    assert Where(p_wrong=(0.5, 0.9)).select(evidence).tolist() == [False, False]


def test_a_label_for_the_rejected_response_is_doubted_where_chosen_is_preferred():
    evidence = replace(judged_evidence([2.0, 2.0]), target=np.array([1.0, 0.0]))
    assert Where(strength=(None, 0.0)).select(evidence).tolist() == [False, True]


def test_what_is_not_known_fulfils_no_condition():
    evidence, _ = random_evidence(300)
    unknown = np.isnan(evidence.p_wrong)
    assert unknown.any()
    assert not (Where(p_wrong=(None, None)).select(evidence) & unknown).any()
    assert not Where(category=("nobody",)).select(evidence).any()


def test_conditions_all_have_to_hold():
    evidence, _ = random_evidence(300)
    one, other = Where(p_wrong=(0.5, None)), Where(category=("a",), annotator=("ann",))
    both = Where(p_wrong=(0.5, None), category=("a",), annotator=("ann",))
    assert np.array_equal(both.select(evidence), one.select(evidence) & other.select(evidence))
    assert both.select(evidence).any()


@pytest.mark.parametrize("field", ["strength_class", "source", "decision", "annotator"])
def test_names_select_those_who_bear_them(field):
    evidence, _ = random_evidence(300)
    values = getattr(evidence, {"annotator": "annotator_id"}.get(field, field))
    name = next(value for value in values if value is not None)
    selected = Where(**{field: (name,)}).select(evidence)
    assert selected.tolist() == [value == name for value in values]


@pytest.mark.parametrize("condition", [{"p_wrong": (0.5, None)}, {"strength_class": ("strong",)}])
def test_probabilities_are_of_the_kind_that_the_audit_has(condition):
    where = Where(**condition, in_sample=True)
    evidence, _ = random_evidence(100)
    with pytest.raises(DataError, match="in_sample: p_wrong and the classes of this audit"):
        where.select(evidence)
    nothing = np.full(len(evidence), np.nan)
    assert where.select(replace(evidence, strength_mean=nothing, strength_std=nothing)).any()


def test_decisions_that_nobody_took_are_missed():
    evidence, _ = random_evidence(50)
    with pytest.raises(DataError, match="their file, `decisions`"):
        Where(decision=("flip",)).select(replace(evidence, decision=[None] * 50))
    assert not Where(decision=("flip",)).select(replace(evidence, decision=["keep"] * 50)).any()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (Where(), ""),
        (Where(strength_quantile=(0.0, 0.1), in_sample=True), "strength_quantile 0 to 0.1"),
        (Where(strength=(None, 0.0), p_wrong=(None, None)), "strength under 0, p_wrong known"),
        (Where(p_wrong=(0.9, None), source=("x", "y")), "p_wrong 0.9 or more, source x or y"),
    ],
)
def test_conditions_have_words(where, words):
    assert where.words() == words


def test_the_spread_is_ranked_too():
    gaps = np.array([[0.0, 4.0], [5.0, 5.0], [0.0, 2.0]], dtype=np.float32)
    evidence = Evidence.from_judgements(np.ones(3), Judgements(gaps, np.zeros((3, 2), dtype=bool), ("", "")))
    assert Where(spread_quantile=(0.6, 1.0)).select(evidence).tolist() == [True, False, False]


def test_in_sample_strengths_are_used_only_where_asked_for():
    evidence = judged_evidence([-1.0, 1.0], in_sample=True)
    assert Where(strength=(None, 0.0), in_sample=True).select(evidence).tolist() == [True, False]
    for where in (Where(strength=(None, 0.0)), Where(p_wrong=(0.5, None)), Where(strength_class=("strong",))):
        with pytest.raises(DataError, match="`crossfit` groups, .*`recipe` paper_flip.*`in_sample: true`"):
            where.select(evidence)
    with pytest.raises(DataError, match="no strengths of members that trained"):
        Where(strength=(None, 0.0), in_sample=True).select(judged_evidence([-1.0, 1.0]))


def test_the_structured_audit_is_a_condition_of_its_own():
    evidence = replace(judged_evidence([1.0, 1.0, 1.0]), p_wrong=np.array([0.9, 0.1, 0.9]))
    evidence = replace(evidence, p_wrong_structured=np.array([0.2, 0.7, np.nan]))
    assert Where(p_wrong_structured=(0.5, None)).select(evidence).tolist() == [False, True, False]
    assert Where(p_wrong_structured=(None, 0.5), p_wrong=(0.5, None)).select(evidence).tolist() == [True, False, False]


def test_a_structured_audit_that_was_not_made_is_missed():
    with pytest.raises(DataError, match="no p_wrong_structured. Audit with `ensemble` probe, `structured` and"):
        Where(p_wrong_structured=(0.5, None)).select(judged_evidence([1.0, -1.0]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strength_quantile": (0.5, 0.1)}, "is empty: the low end comes first"),
        ({"p_wrong": (0.5, 1.5)}, "must lie between 0 and 1"),
        ({"p_wrong_structured": (0.5, 1.5)}, "must lie between 0 and 1"),
        ({"strength_class": ("wrong",)}, "none of incorrect, ambiguous"),
        ({"decision": ("fliped",)}, "none of keep, flip"),
    ],
)
def test_impossible_conditions_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        Where(**values)
