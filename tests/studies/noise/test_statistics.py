import numpy as np
import pytest

from rewardsmith.studies.noise.bootstrap import Draws, Estimate, group_totals
from rewardsmith.studies.noise.credits import encode
from rewardsmith.studies.noise.findings import chosen, findings, limits
from rewardsmith.studies.noise.statistics import Results, role_of

NUM_TEST, NUM_GROUPS = 600, 120
SEEDS = (0, 1, 2, 3)


def groups_of_test(seed, num_groups=NUM_GROUPS):
    return np.random.default_rng(100 + seed).integers(num_groups, size=NUM_TEST)


def credit(accuracy, seed, salt=0):
    """Arms of one cell are right on nested sets of pairs, so that differences are exact."""
    order = np.random.default_rng([seed, salt]).permutation(NUM_TEST)
    right = np.zeros(NUM_TEST)
    right[order[: round(accuracy * NUM_TEST)]] = 1.0
    return right


def cell(kind, rate, seed, **accuracies):
    arms = {
        name.replace("__", ":"): {
            "accuracy": value,
            "nll": 0.5,
            "share_dropped": 0.0,
            "label_error": 0.1,
            "at_end_of_grid": False,
            "credit": encode(credit(value, seed)),
        }
        for name, value in accuracies.items()
    }
    return {
        "kind": kind,
        "rate": rate,
        "seed": seed,
        "num_train": 1000,
        "num_test": NUM_TEST,
        "share_turned": rate,
        "share_made_ties": 0.0,
        "audit": {"noise": {"value": 0.2, "low": 0.1, "high": 0.3, "identifiable": True}},
        "detectors": {},
        "arms": arms,
        "seconds": 1.0,
    }


def results(cells, seeds=SEEDS, num_groups=NUM_GROUPS):
    return Results(cells, {seed: groups_of_test(seed, num_groups) for seed in seeds}, seeds, num_resamples=400)


@pytest.fixture(scope="module")
def made():
    cells = [cell("uniform", 0.2, s, plain=0.70, clean=0.80, good=0.75, bad=0.65, drop=0.70) for s in SEEDS]
    cells += [cell("uniform", 0.4, s, plain=0.60, clean=0.80, good=0.70, bad=0.50, drop=0.60) for s in SEEDS]
    cells += [cell("none", 0.0, s, plain=0.80, clean=0.80, good=0.79, bad=0.80, drop=0.80) for s in SEEDS]
    cells += [cell("hard", 0.2, s, plain=0.80, clean=0.80, good=0.90, bad=0.80, drop=0.80) for s in SEEDS]
    return results(cells)


def test_the_share_is_the_sum_of_gains_over_the_sum_of_gaps(made):
    places = made.pool(["uniform"])
    assert places == [("uniform", 0.2), ("uniform", 0.4)]
    assert made.share(places, "good").value == pytest.approx((0.05 + 0.10) / (0.10 + 0.20))
    assert made.share(places, "bad").value == pytest.approx((-0.05 - 0.10) / (0.10 + 0.20))
    assert made.share(places, "clean").value == 1


def test_a_place_without_a_gap_is_in_no_pool(made):
    assert ("hard", 0.2) in made.places
    assert made.pool(["uniform", "hard"]) == made.pool(["uniform"])


def test_verdicts_ask_the_paired_interval(made):
    place = ("uniform", 0.4)
    assert made.gain(place, "good").verdict == "better"
    assert made.gain(place, "bad").verdict == "worse"
    assert made.gain(place, "drop").verdict == "unclear"
    assert made.gain(place, "drop").interval.low == made.gain(place, "drop").interval.high == 0


def test_intervals_are_paired():
    """Arms that are right on the same pairs but for a few have a narrow difference, however wide each of them is."""
    found = results([cell("uniform", 0.2, s, plain=0.70, clean=0.72) for s in SEEDS])
    gap = found.gain(("uniform", 0.2), "clean").standard_error
    alone = found.accuracy(("uniform", 0.2), "plain").standard_error
    assert gap < 0.4 * alone


def test_a_gap_smaller_than_twice_its_standard_error_is_none():
    rng = np.random.default_rng(0)
    cells = []
    for seed in SEEDS:
        own = cell("uniform", 0.2, seed, plain=0.70, clean=0.70)
        own["arms"]["clean"]["credit"] = encode((rng.random(NUM_TEST) < 0.702).astype(float))
        cells.append(own)
    assert not results(cells).has_gap(("uniform", 0.2))


def test_seeds_without_a_result_keep_a_place_out():
    cells = [cell("uniform", 0.2, s, plain=0.7, clean=0.8) for s in SEEDS[:-1]]
    cells.append({"kind": "uniform", "rate": 0.2, "seed": SEEDS[-1], "skipped": "too many"})
    assert results(cells).places == []
    assert results(cells).of_seeds(SEEDS[:-1]).places == [("uniform", 0.2)]


def test_one_group_drawn_as_often_as_it_comes_gives_the_mean_of_the_data():
    draws = Draws.make(2, 3, 50)
    totals = [group_totals([np.array([1.0, 0.0])], np.array([0, 2]), 3), group_totals([np.ones(1)], np.array([2]), 3)]
    means = draws.means(np.stack(totals, axis=1), np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]))[0]
    assert means[0] == pytest.approx(2 / 3)
    assert (np.isnan(means) | ((means >= 0) & (means <= 1))).all()
    assert Estimate(means).interval.low <= 2 / 3


def test_the_standard_error_is_about_that_of_a_binomial():
    rng = np.random.default_rng(77)  # not the seed of the draws, whose numbers would be these
    credit_ = (rng.random(2000) < 0.7).astype(float)
    totals = group_totals([credit_], np.arange(2000), 2000)[:, None]
    means = Draws.make(1, 2000, 500).means(totals, np.ones((1, 2000)))
    assert Estimate(means[0]).standard_error == pytest.approx(np.sqrt(0.7 * 0.3 / 2000), rel=0.15)  # 500 draws


def test_the_choice_is_made_on_one_half_and_reported_on_the_other():
    """A method that is only lucky on the first seeds is chosen, and the others show it."""
    cells = []
    for seed in SEEDS:
        lucky = 0.79 if seed < 2 else 0.70
        cells.append(cell("uniform", 0.2, seed, plain=0.70, clean=0.80, drop=0.75, flip=lucky))
    found = chosen(results(cells))
    assert found["chosen_on"] == [0, 1]
    assert found["pools"]["uniform"]["ours"]["method"] == "flip"
    assert found["pools"]["uniform"]["ours"]["gain"]["value"] == pytest.approx(0)
    assert found["pools"]["uniform"]["ours"]["verdict"] == "unclear"


def test_nothing_is_chosen_on_a_single_seed():
    cells = [cell("uniform", 0.2, s, plain=0.70, clean=0.80, drop=0.75) for s in SEEDS]
    assert chosen(results(cells, SEEDS[:3])) is None
    assert chosen(results(cells)) is not None


def test_single_votes_are_a_pool_of_their_own():
    cells = [cell("votes", 0.0, s, plain=0.70, clean=0.80, drop=0.75) for s in SEEDS]
    cells += [cell("none", 0.0, s, plain=0.70, clean=0.80, drop=0.75) for s in SEEDS]
    found = findings(results(cells))
    assert found["pools"]["votes"]["places"] == [["votes", 0.0]]
    assert found["pools"]["votes"]["methods"]["drop"]["share"]["value"] == pytest.approx(0.5)
    assert found["chosen"]["pools"]["votes"]["any"]["method"] == "drop"
    assert set(found["pools"]) == {"votes"}


def test_a_handful_of_groups_gives_no_certainty():
    import json

    cells = [cell("uniform", 0.2, s, plain=0.70, clean=0.80, drop=0.75) for s in SEEDS]
    few = results(cells, num_groups=9)
    gain = few.gain(("uniform", 0.2), "drop")
    assert gain.value == pytest.approx(0.05)
    assert gain.verdict == "unclear" and np.isnan(gain.standard_error) and np.isnan(gain.interval.low)
    found = findings(few)
    json.dumps(found, allow_nan=False)
    assert found["num_test_groups"] == 9 and not found["enough_groups"]
    assert found["pools"] == {} and found["chosen"] is None
    assert results(cells, num_groups=10).gain(("uniform", 0.2), "drop").verdict == "better"


def test_groups_that_nobody_tested_do_not_count():
    cells = [cell("uniform", 0.2, s, plain=0.70, clean=0.80) for s in SEEDS]
    tested = {seed: 1000 * groups_of_test(seed, 12) for seed in SEEDS}
    found = Results(cells, tested, SEEDS, num_resamples=400)
    assert found.num_tested_groups == 12
    same = results(cells, num_groups=12).gain(("uniform", 0.2), "clean").draws
    np.testing.assert_array_equal(found.gain(("uniform", 0.2), "clean").draws, same)


@pytest.mark.parametrize("number", [2, 3, 6])
def test_the_variance_between_seeds_is_not_understated(number):
    """Groups are all alike, so only seeds vary: the standard error is that of a mean of S numbers."""
    by_seed = np.random.default_rng(number).normal(0.7, 0.05, number)
    totals = np.repeat(10 * by_seed[:, None], 40, axis=1)[None]
    means = Draws.make(number, 40, 4000).means(totals, np.full((number, 40), 10.0))
    assert Estimate(means[0]).standard_error == pytest.approx(by_seed.std(ddof=1) / np.sqrt(number), rel=0.05)


def test_a_method_that_failed_with_one_seed_is_left_out_and_named():
    cells = [cell("uniform", 0.2, s, plain=0.70, clean=0.80, drop=0.75, margin=0.79) for s in SEEDS]
    for broken in (0, 3):  # with a seed to choose on, and with one to report on
        del cells[broken]["arms"]["margin"]
        cells[broken]["failed"] = {"margin": "did not converge"}
        found = findings(results(cells))
        assert set(found["places"][0]["arms"]) == {"plain", "clean", "drop"}
        assert found["chosen"]["pools"]["uniform"]["any"]["method"] == "drop"
        assert found["failed"][0]["method"] == "margin"
        cells[broken]["arms"]["margin"] = cells[1]["arms"]["margin"]


def test_plain_training_is_chosen_where_nothing_gains():
    cells = [cell("uniform", 0.2, s, plain=0.70, clean=0.80, drop=0.69, flip=0.60) for s in SEEDS]
    assert chosen(results(cells))["pools"]["uniform"]["any"]["method"] == "plain"


def test_what_needs_the_truth_is_never_chosen():
    cells = [cell("uniform", 0.2, s, plain=0.70, clean=0.80, drop=0.71, oracle__flip=0.80) for s in SEEDS]
    assert chosen(results(cells))["pools"]["uniform"]["any"]["method"] == "drop"
    assert role_of("oracle:flip") == role_of("aum:oracle") == "diagnostic"
    assert role_of("aum:drop") == role_of("cleanlab:flip") == role_of("single_model:soft") == "rival"
    assert role_of("smooth") == role_of("structured_smooth") == role_of("debias+aum:drop") == "rival"
    assert role_of("ours:flip") == role_of("debias+soft_label") == "ours"
    assert role_of("clean") == "reference"
    assert role_of("structured_drop") == role_of("my.yaml") == "ours"


def test_limits_tell_finding_from_repair():
    cells = [
        cell("uniform", 0.2, s, plain=0.70, clean=0.80, ours__drop=0.72, ours__oracle=0.75, oracle__drop=0.79)
        for s in SEEDS
    ]
    found = results(cells)
    table = limits(found, found.pool(["uniform"]))
    assert table["ours"] == {"drop": pytest.approx(0.2), "oracle": pytest.approx(0.5)}
    assert table["oracle"] == {"drop": pytest.approx(0.9)}


def test_findings_are_plain_values(made):
    import json

    found = findings(made)
    json.dumps(found, allow_nan=False)
    assert found["clean"]["good"]["gain"]["value"] == pytest.approx(-0.01)
    assert found["places"][0]["kind"] == "none"
    assert set(found["pools"]) == {"uniform", "all"}
    assert found["num_test_groups"] == NUM_GROUPS and found["enough_groups"]
