from dataclasses import replace

import numpy as np
import pytest

from rewardsmith.strength.label_noise.claims import FEWEST, FINDS_MANY, FINDS_SOME, MOSTLY, claim_numbers
from rewardsmith.strength.label_noise.posterior import MIN_GROUPS, WIDEST_RANGE, LabelNoise

NOISE = LabelNoise(0.1, 0.05, 0.15, MIN_GROUPS, 1.0, np.ones((2, 1, 1)) / 2)


def claim(low=FINDS_MANY, noise=NOISE, at_least=MOSTLY, in_sample=False):
    planted = [] if low is None else [{"kind": "uniform", "auroc": {"value": 0.9, "low": low, "high": 0.95}}]
    return claim_numbers(noise, planted, in_sample, at_least)


def test_judges_that_find_many_flips_judge_labels():
    assert claim() == {"level": "labels_judged", "doubts": []}
    assert claim(at_least=None)["level"] == "labels_judged"  # none is flagged


@pytest.mark.parametrize(
    ("changes", "level", "doubt"),
    [
        ({"low": FINDS_MANY - 1e-9}, "reading_order", "finds_few_flips"),
        ({"low": FINDS_SOME + 1e-9}, "reading_order", "finds_few_flips"),
        ({"low": FINDS_SOME}, "cannot_tell", "finds_no_flips"),
        ({"low": None}, "reading_order", "not_measured"),
        ({"at_least": MOSTLY - 1e-9}, "reading_order", "few_may_be_wrong"),
        ({"noise": replace(NOISE, low=FEWEST - 1e-9)}, "reading_order", "few_may_be_wrong"),
        ({"in_sample": True}, "cannot_tell", "in_sample"),
        ({"noise": None}, "cannot_tell", "no_judges"),
        ({"noise": replace(NOISE, num_groups=MIN_GROUPS - 1)}, "reading_order", "few_groups"),
        ({"noise": replace(NOISE, high=0.05 + WIDEST_RANGE + 1e-9)}, "reading_order", "not_identifiable"),
    ],
)
def test_each_doubt_has_its_border(changes, level, doubt):
    found = claim(**changes)
    assert found["level"] == level
    assert doubt in found["doubts"]


def test_hard_flips_do_not_decide():
    hard = [{"kind": "hard", "auroc": {"value": 0.5, "low": 0.4, "high": 0.6}}]
    assert claim_numbers(NOISE, hard, False, None)["doubts"] == ["not_measured"]


def test_a_large_set_has_no_interval_and_goes_by_the_value():
    large = [{"kind": "uniform", "auroc": {"value": FINDS_MANY, "low": None, "high": None}}]
    assert claim_numbers(NOISE, large, False, None)["level"] == "labels_judged"


def test_few_groups_have_no_interval_and_claim_no_more_than_an_order():
    few = replace(NOISE, num_groups=MIN_GROUPS - 1)
    flips = [[{"kind": "uniform", "auroc": {"value": v, "low": None, "high": None}}] for v in (FINDS_MANY, FINDS_SOME)]
    found = [claim_numbers(few, planted, False, None) for planted in flips]
    assert found[0] == {"level": "reading_order", "doubts": ["few_groups"]}
    assert found[1] == {"level": "cannot_tell", "doubts": ["finds_no_flips"]}
