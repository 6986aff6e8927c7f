import numpy as np
import pytest

from rewardsmith.trials.paired_results import GapResults

NUM_TEST, NUM_GROUPS = 600, 120
SEEDS = (0, 1, 2, 3)


def groups_of_test(seed, num_groups=NUM_GROUPS):
    return np.random.default_rng(100 + seed).integers(num_groups, size=NUM_TEST)


def credit(accuracy, seed, salt=0):
    """Arms of one cell are right on nested sets of items, so that differences are exact."""
    order = np.random.default_rng([seed, salt]).permutation(NUM_TEST)
    right = np.zeros(NUM_TEST)
    right[order[: round(accuracy * NUM_TEST)]] = 1.0
    return right


def place(name, seeds=SEEDS, **accuracies):
    return {(name, seed): {arm: credit(value, seed) for arm, value in accuracies.items()} for seed in seeds}


def results(credits, seeds=SEEDS, num_groups=NUM_GROUPS):
    tested = {seed: groups_of_test(seed, num_groups) for seed in seeds}
    return GapResults(credits, tested, seeds, "plain", num_resamples=400, ideal="clean")


@pytest.fixture(scope="module")
def made():
    return results(
        place("mild", plain=0.70, clean=0.80, good=0.75, bad=0.65, idle=0.70)
        | place("harsh", plain=0.60, clean=0.80, good=0.70, bad=0.50, idle=0.60)
        | place("none", plain=0.80, clean=0.80, good=0.90, bad=0.80, idle=0.80)
    )


def test_the_share_is_the_sum_of_gains_over_the_sum_of_gaps(made):
    places = ["mild", "harsh"]
    assert made.share(places, "good").value == pytest.approx((0.05 + 0.10) / (0.10 + 0.20))
    assert made.share(places, "bad").value == pytest.approx((-0.05 - 0.10) / (0.10 + 0.20))
    assert made.share(places, "clean").value == 1


def test_gains_are_averaged_over_places(made):
    assert made.mean_gain(["mild", "harsh"], "good").value == pytest.approx((0.05 + 0.10) / 2)


def test_where_the_ideal_gains_nothing_there_is_no_gap(made):
    assert [name for name in made.places if made.has_gap(name)] == ["mild", "harsh"]


def test_verdicts_ask_the_paired_interval(made):
    assert made.gain("harsh", "good").verdict == "better"
    assert made.gain("harsh", "bad").verdict == "worse"
    assert made.gain("harsh", "idle").verdict == "unclear"
    assert made.gain("harsh", "idle").interval.low == made.gain("harsh", "idle").interval.high == 0


def test_intervals_are_paired():
    """Arms that are right on the same items but for a few have a narrow difference, however wide each of them is."""
    found = results(place("mild", plain=0.70, clean=0.72))
    assert found.gain("mild", "clean").standard_error < 0.4 * found.mean("mild", "plain").standard_error


def test_a_gap_smaller_than_twice_its_standard_error_is_none():
    rng = np.random.default_rng(0)
    credits = place("mild", plain=0.70)
    for arms in credits.values():
        arms["clean"] = (rng.random(NUM_TEST) < 0.702).astype(float)
    assert not results(credits).has_gap("mild")


def test_seeds_without_a_result_keep_a_place_out():
    found = results(place("mild", SEEDS[:-1], plain=0.7, clean=0.8))
    assert found.places == []
    assert found.of_seeds(SEEDS[:-1]).places == ["mild"]


def test_an_arm_that_lacks_a_seed_is_not_measured():
    credits = place("mild", plain=0.7, clean=0.8, good=0.75)
    del credits["mild", 2]["good"]
    assert set(results(credits).measured) == {("mild", "plain"), ("mild", "clean")}


def test_a_handful_of_groups_gives_no_certainty():
    credits = place("mild", plain=0.70, clean=0.80, good=0.75)
    few = results(credits, num_groups=9)
    gain = few.gain("mild", "good")
    assert gain.value == pytest.approx(0.05)
    assert gain.verdict == "unclear" and np.isnan(gain.standard_error) and np.isnan(gain.interval.low)
    assert few.num_tested_groups == 9 and not few.enough_groups and not few.has_gap("mild")
    assert results(credits, num_groups=10).gain("mild", "good").verdict == "better"


def test_groups_that_nobody_tested_do_not_count():
    credits = place("mild", plain=0.70, clean=0.80)
    tested = {seed: 1000 * groups_of_test(seed, 12) for seed in SEEDS}
    found = GapResults(credits, tested, SEEDS, "plain", num_resamples=400, ideal="clean")
    assert found.num_tested_groups == 12
    same = results(credits, num_groups=12).gain("mild", "clean").draws
    np.testing.assert_array_equal(found.gain("mild", "clean").draws, same)
