import json
from types import SimpleNamespace

import numpy as np
import pytest

from rewardsmith.studies.noise.findings import StudyResults, chosen, findings, limits, resampled_groups
from rewardsmith.studies.noise.methods import parse_method
from rewardsmith.trials.cell_log import credits_as_text

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
            "credit": credits_as_text(credit(value, seed)),
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
    tested = {seed: groups_of_test(seed, num_groups) for seed in seeds}
    methods = [parse_method(name) for name in dict.fromkeys(name for own in cells for name in own.get("arms", ()))]
    return StudyResults.of(cells, tested, seeds, methods, num_resamples=400)


@pytest.fixture(scope="module")
def made():
    cells = [cell("uniform", 0.2, s, plain=0.70, clean=0.80, flip=0.75, smooth=0.65, drop=0.70) for s in SEEDS]
    cells += [cell("uniform", 0.4, s, plain=0.60, clean=0.80, flip=0.70, smooth=0.50, drop=0.60) for s in SEEDS]
    cells += [cell("none", 0.0, s, plain=0.80, clean=0.80, flip=0.79, smooth=0.80, drop=0.80) for s in SEEDS]
    cells += [cell("hard", 0.2, s, plain=0.80, clean=0.80, flip=0.90, smooth=0.80, drop=0.80) for s in SEEDS]
    return results(cells)


def test_a_place_without_a_gap_is_in_no_pool(made):
    assert ("hard", 0.2) in made.paired.places
    assert made.pool(["uniform", "hard"]) == made.pool(["uniform"])


def test_seeds_without_a_result_keep_a_place_out():
    cells = [cell("uniform", 0.2, s, plain=0.7, clean=0.8) for s in SEEDS[:-1]]
    cells.append({"kind": "uniform", "rate": 0.2, "seed": SEEDS[-1], "skipped": "too many"})
    assert results(cells).paired.places == []
    assert results(cells).of_seeds(SEEDS[:-1]).paired.places == [("uniform", 0.2)]


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


def test_a_handful_of_groups_gives_no_shares_and_no_choice():
    cells = [cell("uniform", 0.2, s, plain=0.70, clean=0.80, drop=0.75) for s in SEEDS]
    few = results(cells, num_groups=9)
    found = findings(few)
    json.dumps(found, allow_nan=False)
    assert found["num_test_groups"] == 9 and not found["enough_groups"]
    assert found["pools"] == {} and found["chosen"] is None


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
    found = findings(made)
    json.dumps(found, allow_nan=False)
    assert found["clean"]["flip"]["gain"]["value"] == pytest.approx(-0.01)
    assert found["places"][0]["kind"] == "none"
    assert set(found["pools"]) == {"uniform", "all"}
    assert found["num_test_groups"] == NUM_GROUPS and found["enough_groups"]


def test_tested_pairs_are_drawn_with_their_prompt():
    split = np.arange(12)
    pairs = SimpleNamespace(split_groups=split, drawn_together=split // 3, columns=SimpleNamespace(target=np.ones(12)))
    groups = resampled_groups(pairs, 0.5, range(1))[0]
    assert set(groups) <= {0, 1, 2, 3} and len(groups) == 6
