import copy
from dataclasses import replace

import numpy as np
import pytest

from rewardsmith.metrics.review import found_interval, ranked_list
from rewardsmith.strength.label_noise.posterior import LabelNoise
from rewardsmith.strength.planted.review_curve import in_shares, mean_review, num_first, review_curve, steps_of

NUM_PAIRS = 2000
PLANTED = np.random.default_rng(0).random(NUM_PAIRS) < 0.2
GROUPS = np.arange(NUM_PAIRS) // 2
NOISE = LabelNoise(value=0.1, low=0.05, high=0.2, num_groups=1000, unit=1.0, posterior=np.ones((1, 1, 1)))
TIMES = ("times_random", "times_low", "times_high")
GUESSES = np.random.default_rng(1).normal(size=NUM_PAIRS)


def curve(suspicion, noise=NOISE, others=None, num_pairs=NUM_PAIRS):
    return review_curve(suspicion, others or {}, PLANTED, GROUPS, num_pairs, noise, seed=0)


def test_the_count_is_hardly_under_the_truth_where_wrong_labels_stand_where_flips_do():
    """Nine sets of which the truth is known: a tenth wrong, a fifth flipped on top, one suspicion for both."""
    promised, there = [], []
    for seed in range(9):
        rng = np.random.default_rng(seed)
        wrong = rng.random(NUM_PAIRS) < 0.1
        flipped = rng.random(NUM_PAIRS) < 0.2
        quality = np.abs(rng.normal(size=NUM_PAIRS)) + 0.3
        signed = quality * np.where(wrong, -1, 1)
        luck = 0.8 * rng.normal(size=NUM_PAIRS)
        in_copy = -(signed * np.where(flipped, -1, 1) + luck)
        found = review_curve(in_copy, {}, flipped, GROUPS, NUM_PAIRS, replace(NOISE, low=0.1, high=0.1), seed)
        promised.append(found["first"]["found"])
        there.append(wrong[np.argsort(signed + luck)[:100]].sum())
    assert 40 < np.mean(there) < 95
    least = (1 - 0.1) * np.mean(there)  # a tenth of the flips put a wrong label right
    assert least - 3 < np.mean(promised) < np.mean(there) + 3  # sampling error of nine lists


def test_a_perfect_order_finds_all_it_reads_until_nothing_is_left():
    found = curve(PLANTED.astype(float))
    for step in found["steps"]:
        assert step["found"] == pytest.approx(min(step["num_read"], 200))
        assert step["low"] == pytest.approx(min(step["num_read"], 100))
        assert step["high"] == pytest.approx(min(step["num_read"], 400))
        assert step["at_random"] == pytest.approx(0.1 * step["num_read"])


def test_a_random_order_finds_what_chance_does():
    found = curve(GUESSES, others={"nobody suspected": np.zeros(NUM_PAIRS)})
    first = found["first"]
    assert first["num_read"] == 100
    assert first["times_low"] < 1 < first["times_high"]
    assert found["others"][0]["found"] == pytest.approx([step["at_random"] for step in found["steps"]])


def test_ranges_hold_the_value_and_both_ends_of_the_share_of_wrong_labels():
    suspicion = PLANTED + GUESSES
    wide, known = curve(suspicion), curve(suspicion, replace(NOISE, low=0.1, high=0.1))
    for step, sure in zip(wide["steps"], known["steps"], strict=True):
        assert step["low"] < sure["low"] <= sure["found"] <= sure["high"] < step["high"]
        assert step["found"] == sure["found"]
        assert step["times_low"] <= step["times_random"] <= step["times_high"]
        assert step["found"] == pytest.approx(step["times_random"] * step["at_random"])


def test_the_low_end_takes_what_was_not_flipped_for_right():
    suspicion = PLANTED + GUESSES
    step = curve(suspicion, replace(NOISE, low=0.1, high=0.1))["first"]
    all_right = ranked_list(suspicion, PLANTED).found_share(0.05, 0.1)
    low = found_interval(suspicion, PLANTED, GROUPS, [0.05], [0.1])[0][0, 0]
    assert step["low"] == pytest.approx(200 * low)
    assert step["times_low"] == pytest.approx(low / 0.05)
    assert step["low"] < 200 * all_right < step["found"]


def test_the_ratio_is_surer_than_the_count():
    first = curve(PLANTED + GUESSES)["first"]
    assert first["high"] / first["low"] > 1.5 * first["times_high"] / first["times_low"]


def test_the_count_grows_with_the_set_and_the_shares_do_not():
    small, large = curve(PLANTED + GUESSES), curve(PLANTED + GUESSES, num_pairs=10 * NUM_PAIRS)
    half = [found["steps"][-1] for found in (small, large)]
    assert half[1]["num_read"] == 10 * half[0]["num_read"] == 10_000
    assert half[1]["found"] == pytest.approx(10 * half[0]["found"])
    assert half[1]["times_random"] == pytest.approx(half[0]["times_random"])


def test_less_than_one_wrong_label_is_nothing_to_look_for():
    assert curve(PLANTED.astype(float), replace(NOISE, value=0.9 / NUM_PAIRS, low=0.0)) is None
    assert curve(PLANTED.astype(float), replace(NOISE, value=1.0 / NUM_PAIRS, low=0.0)) is not None


def test_a_share_of_wrong_labels_that_may_be_nothing_leaves_the_ratio():
    first = curve(PLANTED + GUESSES, replace(NOISE, low=0.0))["first"]
    assert first["low"] == 0
    assert first["times_low"] > 1


def test_one_group_has_no_ranges():
    found = review_curve(GUESSES, {}, PLANTED, np.zeros(NUM_PAIRS, dtype=int), NUM_PAIRS, NOISE, seed=0)
    assert found["first"]["low"] is found["first"]["times_high"] is None
    assert found["first"]["found"] > 0


@pytest.mark.parametrize(
    ("num_pairs", "first", "last"), [(40, 8, 40), (150, 30, 150), (600, 100, 600), (50_000, 100, 25_000)]
)
def test_the_first_hundred_or_a_fifth(num_pairs, first, last):
    read = steps_of(num_pairs)
    assert num_first(num_pairs) == first
    assert first in read
    assert read == sorted(set(read))
    assert read[-1] == last
    assert read[0] >= 1


def test_several_plantings_are_their_mean():
    one = curve(PLANTED + GUESSES, others={"AUM": PLANTED + 2 * GUESSES})
    two = curve(GUESSES, others={"AUM": GUESSES})
    both = mean_review([one, two])
    for i, step in enumerate(both["steps"]):
        for name in ("found", "low", "high", "times_random"):
            assert step[name] == pytest.approx((one["steps"][i][name] + two["steps"][i][name]) / 2)
    assert both["first"] in both["steps"]
    assert both["others"][0]["found"][3] == pytest.approx(
        (one["others"][0]["found"][3] + two["others"][0]["found"][3]) / 2
    )
    assert mean_review([None, None]) is None


class TestInShares:
    def test_a_perfect_order_finds_the_share_that_is_read_by_the_share_that_is_wrong(self):
        known = replace(NOISE, low=0.1, high=0.1)
        for step in in_shares(curve(PLANTED.astype(float), known))["steps"]:
            depth = step["num_read"] / NUM_PAIRS
            assert step["found"] == step["high"] == pytest.approx(min(depth / 0.1, 1))
            assert step["at_random"] == depth

    def test_a_random_order_finds_the_share_it_reads(self):
        found = in_shares(curve(GUESSES, others={"nobody suspected": np.zeros(NUM_PAIRS)}))
        depth = [step["num_read"] / NUM_PAIRS for step in found["steps"]]
        assert found["others"][0]["found"] == pytest.approx(depth)
        assert found["steps"][-1]["found"] == pytest.approx(depth[-1], abs=0.03)  # sampling error of 400 flips

    def test_the_shares_are_those_that_the_counts_came_from(self):
        counts = curve(PLANTED + GUESSES, others={"AUM": PLANTED + 2 * GUESSES})
        shares = in_shares(counts)
        for counted, shared in zip(counts["steps"], shares["steps"], strict=True):
            assert shared["found"] == pytest.approx(counted["found"] / 200)  # a tenth of 2,000 is wrong
            assert shared["low"] < shared["found"] < shared["high"]
            assert [shared[name] for name in TIMES] == [counted[name] for name in TIMES]
        assert shares["others"][0]["found"] == pytest.approx(np.array(counts["others"][0]["found"]) / 200)
        assert shares["first"] in shares["steps"]

    def test_nothing_tells_how_many_are_wrong(self):
        """Twice as many of them: the same shares, and another count."""
        suspicion = PLANTED + GUESSES
        few, many = (curve(suspicion, replace(NOISE, value=e, low=e, high=e)) for e in (0.02, 0.04))
        assert many["first"]["found"] == pytest.approx(2 * few["first"]["found"])
        few, many = in_shares(few), in_shares(many)
        assert not few["in_counts"] and few["share_wrong"] is None
        for one, two in zip(few["steps"], many["steps"], strict=True):
            assert [one[name] for name in ("found", "at_random", "times_random")] == pytest.approx(
                [two[name] for name in ("found", "at_random", "times_random")]
            )

    def test_a_second_time_changes_nothing_and_the_curve_given_stays(self):
        counts = curve(PLANTED + GUESSES)
        before = copy.deepcopy(counts)
        shares = in_shares(counts)
        assert counts == before and in_shares(shares) == shares != counts

    def test_no_range_stays_none(self):
        one_group = np.zeros(NUM_PAIRS, dtype=int)
        found = in_shares(review_curve(GUESSES, {}, PLANTED, one_group, NUM_PAIRS, NOISE, seed=0))
        assert found["first"]["low"] is found["first"]["high"] is None
        assert found["first"]["found"] > 0
