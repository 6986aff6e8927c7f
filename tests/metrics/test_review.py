import numpy as np
import pytest

from rewardsmith.metrics.ranking import auroc
from rewardsmith.metrics.review import MAX_LEVELS, found_interval, ranked_list

RNG = np.random.default_rng(0)
SOUGHT = RNG.random(1000) < 0.2
SUSPICION = SOUGHT + RNG.normal(size=1000)
DEPTHS = [0.01, 0.05, 0.1, 0.3, 0.7, 1.0]


def test_a_perfect_order_has_found_all_before_any_of_the_rest():
    assert ranked_list(SOUGHT.astype(float), SOUGHT).found_share(DEPTHS) == pytest.approx(1)


def test_equal_suspicion_of_all_is_a_random_order():
    assert ranked_list(np.zeros(1000), SOUGHT).found_share(DEPTHS) == pytest.approx(DEPTHS)


def test_the_worst_order_finds_nothing_until_all_else_is_read():
    assert ranked_list(-SOUGHT.astype(float), SOUGHT).found_share([0.5, 0.99, 1.0]) == pytest.approx([0, 0, 1])


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.6])
def test_in_a_list_with_some_of_it_what_is_found_counts_as_read(rate):
    perfect, random = ranked_list(SOUGHT.astype(float), SOUGHT), ranked_list(np.zeros(1000), SOUGHT)
    assert rate * perfect.found_share(DEPTHS, rate) == pytest.approx(np.minimum(DEPTHS, rate))
    assert random.found_share(DEPTHS, rate) == pytest.approx(DEPTHS)


def test_at_the_list_s_own_rate_it_is_plain_counting_of_all():
    found = ranked_list(SUSPICION, SOUGHT).found_share(np.arange(1, 1001) / 1000, SOUGHT.mean())
    assert found * SOUGHT.sum() == pytest.approx(np.cumsum(SOUGHT[np.argsort(-SUSPICION)]))


def test_it_is_plain_counting():
    order = SOUGHT[np.argsort(-SUSPICION)]
    rest = np.flatnonzero(~order)
    apart = [k for k in range(len(rest) - 1) if rest[k + 1] == rest[k] + 1]  # where no flip stands between two of them
    found = ranked_list(SUSPICION, SOUGHT).found_share((np.array(apart) + 1) / len(rest))
    assert found * SOUGHT.sum() == pytest.approx([order[: rest[k] + 1].sum() for k in apart])


def test_the_area_under_it_is_the_auroc():
    depth = (np.arange(100_000) + 0.5) / 100_000
    area = ranked_list(SUSPICION, SOUGHT).found_share(depth).mean()
    assert area == pytest.approx(auroc(SUSPICION, SOUGHT), abs=1e-4)


def test_weights_count_rows_as_often():
    suspicion = RNG.normal(size=1000).round(1)
    times = RNG.integers(0, 4, 1000)
    twice = ranked_list(np.repeat(suspicion, times), np.repeat(SOUGHT, times)).found_share(DEPTHS)
    assert ranked_list(suspicion, SOUGHT, times).found_share(DEPTHS) == pytest.approx(twice)


def test_a_long_list_is_joined_to_levels_and_ties_stay_together():
    number = 20 * MAX_LEVELS
    sought = RNG.random(number) < 0.2
    suspicion = sought + RNG.normal(size=number)
    long = ranked_list(suspicion, sought)
    assert len(long.hits) == MAX_LEVELS + 1
    ordered = sought[np.argsort(-suspicion)]
    hits, alarms = np.cumsum(ordered) / sought.sum(), np.cumsum(~ordered) / (~sought).sum()
    at = np.array([0.013, 0.21, 0.55])
    assert long.found_share(at) == pytest.approx(np.interp(at, alarms, hits), abs=1e-3)
    tied = ranked_list(np.where(suspicion > 1, 1.0, suspicion), sought)  # more than one level's worth is equal
    top = suspicion > 1
    share, rest = (top & sought).sum() / sought.sum(), (top & ~sought).sum() / (~sought).sum()
    assert tied.found_share([rest / 3, rest]) == pytest.approx([share / 3, share])


def test_the_interval_holds_the_value_and_narrows_with_the_sample():
    groups = np.arange(1000) // 2
    value = ranked_list(SUSPICION, SOUGHT).found_share(DEPTHS[:-1])
    low, high = found_interval(SUSPICION, SOUGHT, groups, DEPTHS[:-1])
    assert (low < value).all()
    assert (value < high).all()
    few = slice(0, 200)
    wide = np.subtract(*found_interval(SUSPICION[few], SOUGHT[few], groups[few], [0.1])[::-1])
    assert wide[0, 0] > 1.5 * (high - low)[0, 2]


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Many pairs are the truth; samples have 100 groups of three that share their luck."""
    rng = np.random.default_rng(1)
    suspicion, sought, _ = shared_luck(rng, 100_000)
    truth = ranked_list(suspicion, sought).found_share(0.1)
    inside = 0
    for _ in range(100):
        low, high = found_interval(*shared_luck(rng, 100), [0.1], num_resamples=100)
        inside += low[0, 0] <= truth <= high[0, 0]
    assert 0.87 <= inside / 100 <= 0.99


def shared_luck(rng, num_groups):
    groups = np.repeat(np.arange(num_groups), 3)
    sought = rng.random(len(groups)) < 0.2
    luck = rng.normal(size=num_groups)[groups]
    return np.where(sought, 1.0, -1.0) * (0.7 + luck) + 0.5 * rng.normal(size=len(groups)), sought, groups


def test_nothing_sought_or_one_group_has_no_curve_and_no_interval():
    nothing = np.zeros(10, dtype=bool)
    assert np.isnan(ranked_list(np.arange(10), nothing).found_share([0.1, 1.0])).all()
    assert np.isnan(found_interval(np.arange(10), nothing, np.arange(10), [0.1])).all()
    assert np.isnan(found_interval(np.arange(10), np.arange(10) < 3, np.zeros(10), [0.1])).all()
    assert np.isnan(ranked_list([], []).found_share([0.1])).all()


def test_a_suspicion_that_is_not_a_number_has_no_rank():
    with pytest.raises(ValueError, match="1 of 2 suspicions are NaN"):
        ranked_list([0.1, np.nan], [True, False])
