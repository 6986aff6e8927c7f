from dataclasses import replace

import numpy as np
import pytest

from rewardsmith.artifacts.runs.metrics_file import check_metrics
from rewardsmith.contracts.metrics.study_arms import ArmsFindings
from rewardsmith.metrics.intervals import SEEN, wilson
from rewardsmith.studies.arms.findings import ArmResults, ScoredSet, findings, pairs_for
from rewardsmith.trials.bootstrap import Estimate
from rewardsmith.trials.cell_log import credits_as_text

SEEDS, RATES = (0, 1, 2), (1e-5, 1e-4)
OWN = ScoredSet("own", "prefs", np.repeat(np.arange(60), 5), 0)
SMALL = ScoredSet("small", "other", np.arange(8), 3)
ACCURACY = {"plain": 0.60, "better": 0.70, "alike": 0.60}


def credit(accuracy, number):
    """Arms are right on nested sets of pairs, so that differences are exact."""
    order = np.random.default_rng(7).permutation(number)
    return credits_as_text(np.isin(np.arange(number), order[: round(accuracy * number)]).astype(float))


def trainings(arm, rates=RATES):
    return [
        {
            "seed": seed,
            "arm": arm,
            "learning_rate": rate,
            "num_pairs": 100,
            "truncated_share": 0.0,
            "seconds": 20.0 if arm == "better" else 10.0,
            "held_out": {"accuracy": 0.6, "nll": rate, "scale": 2.0},
        }
        for seed in SEEDS
        for rate in (rates if seed == 0 else rates[:1])
    ]


def cells_of_tests(arm, accuracy):
    numbers = {test.name: len(test.groups) for test in (OWN, SMALL)}
    return [
        {
            "seed": seed,
            "arm": arm,
            "learning_rate": RATES[0],
            "tests": {name: {"nll": 0.5 + 0.1 * seed, "credit": credit(accuracy, n)} for name, n in numbers.items()},
        }
        for seed in SEEDS
    ]


@pytest.fixture
def results():
    return ArmResults(
        trainings=[cell for arm in ACCURACY for cell in trainings(arm)],
        tests=[cell for arm, accuracy in ACCURACY.items() for cell in cells_of_tests(arm, accuracy)],
        options={arm: {} for arm in ACCURACY},
        same_course={arm: arm != "better" for arm in ACCURACY},
        baseline="plain",
        seeds=SEEDS,
        rates=RATES,
        num_resamples=400,
    )


def test_gains_are_those_of_the_same_pairs(results):
    found = findings(results, [OWN])["tests"][0]["arms"]
    assert found["better"]["accuracy"] == pytest.approx(0.70)
    assert found["better"]["gain"]["value"] == pytest.approx(0.10)
    assert (found["better"]["verdict"], found["alike"]["verdict"], found["plain"]["verdict"]) == (
        "better",
        "unclear",
        None,
    )
    assert found["plain"]["gain"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert found["better"]["nll"] == pytest.approx(0.6)


def test_arms_that_answer_alike_are_not_called_the_same_for_sure(results):
    alike = findings(results, [OWN])["tests"][0]["arms"]["alike"]
    unsure = 1 - wilson(60, 60).low
    assert alike["gain"] == {"value": 0.0, "low": pytest.approx(-unsure), "high": pytest.approx(unsure)}
    assert alike["smallest_seen"] is alike["pairs_for_a_point"] is None


def test_what_could_be_seen_follows_from_the_spread_of_the_gain(results):
    arm = findings(results, [OWN])["tests"][0]["arms"]["better"]
    assert arm["smallest_seen"] == pytest.approx(SEEN * arm["standard_error"])
    assert pytest.approx(1.959964 + 0.841621, abs=1e-5) == SEEN
    assert arm["pairs_for_a_point"] == pytest.approx(300 * (arm["smallest_seen"] / 0.01) ** 2, rel=0.1)


def test_pairs_grow_with_the_square_of_what_is_to_be_seen_and_are_rounded_up():
    gain = Estimate(np.array([0.0, -0.01, 0.01]))
    seen = gain.smallest_seen
    assert pairs_for(seen, gain, 1000) == 1000
    assert pairs_for(seen / 2, gain, 1000) == 4000
    assert pairs_for(seen / 1.01, gain, 1000) == 1100
    assert pairs_for(0.01, Estimate(np.zeros(3)), 1000) is None


def test_few_groups_have_accuracies_and_no_intervals(results):
    found = findings(results, [SMALL])["tests"][0]
    assert (found["enough_groups"], found["num_groups"], found["num_prompts_trained_on"]) == (False, 8, 3)
    assert found["arms"]["better"]["gain"]["low"] is None
    assert found["arms"]["better"]["pairs_for_a_point"] is None


def test_comparisons_are_counted_over_all_sets(results):
    found = findings(results, [OWN, SMALL])
    assert (found["num_comparisons"], found["num_clear"]) == (4, 1)


def test_an_arm_tells_its_rates_its_cost_and_its_course(results):
    found = {arm["name"]: arm for arm in findings(results, [OWN])["arms"]}
    assert found["plain"]["learning_rate"] == {"0": 1e-5, "1": 1e-5, "2": 1e-5}
    assert found["plain"]["at_end_of_grid"]
    assert [rate["num_seeds"] for rate in found["plain"]["held_out"]] == [3, 1]
    assert (found["better"]["cost"], found["better"]["same_course"]) == (2.0, False)
    middle = findings(replace(results, rates=(1e-6, *RATES)), [OWN])["arms"][0]
    assert not middle["at_end_of_grid"]
    assert not findings(replace(results, rates=RATES[:1]), [OWN])["arms"][0]["at_end_of_grid"]


def test_what_failed_is_named_and_not_compared(results):
    broken = {"seed": 1, "arm": "alike", "learning_rate": 1e-5, "skipped": "it diverged"}
    others = [cell for cell in results.tests if (cell["arm"], cell["seed"]) != ("alike", 1)]
    found = findings(replace(results, trainings=[*results.trainings, broken], tests=others), [OWN])
    assert list(found["tests"][0]["arms"]) == ["plain", "better"]
    assert found["failed"] == [{"arm": "alike", "learning_rate": 1e-5, "seed": 1, "reason": "it diverged"}]
    check_metrics(found, ArmsFindings, "metrics")
