import numpy as np
import pytest

from rewardsmith.studies.arms.cells import Pilot, Training, folder_names, held_out_numbers, numbers_of_test
from rewardsmith.trials.cell_log import credits_from_text


def test_cells_say_what_they_are():
    assert Training(2, "plain", 3e-5).key == "plain 3e-05 seed 2"
    assert Pilot("plain").key == "plain"


def test_folders_of_arms_are_safe_and_differ():
    names = folder_names(["a/b", "a\\b", "..", "x" * 99])
    assert list(names.values())[:2] == ["0-a-b", "1-a-b"]
    assert len(set(names.values())) == 4
    assert all("/" not in name and len(name) < 50 for name in names.values())


def test_the_held_out_part_does_not_care_for_the_unit_of_rewards():
    rng = np.random.default_rng(0)
    gaps = rng.normal(0.5, 1, 200)
    one, other = held_out_numbers(gaps, np.ones(200)), held_out_numbers(100 * gaps, np.ones(200))
    assert one["nll"] == pytest.approx(other["nll"])
    assert one["scale"] == pytest.approx(100 * other["scale"])
    assert one["accuracy"] == other["accuracy"] == (gaps > 0).mean()


def test_gaps_that_are_always_right_cost_nothing_and_have_no_scale():
    assert held_out_numbers(np.array([1.0, 2.0]), np.ones(2)) == {"accuracy": 1.0, "nll": 0.0, "scale": None}


def test_gaps_that_know_nothing_cost_log_two():
    found = held_out_numbers(np.array([1.0, -1.0]), np.ones(2))
    assert (found["accuracy"], found["scale"]) == (0.5, 0.0)
    assert found["nll"] == pytest.approx(np.log(2))


def test_a_test_counts_pairs_whose_label_decides():
    gaps, target = np.array([1.0, -1.0, 0.0, 5.0]), np.array([1.0, 1.0, 1.0, 0.5])
    found = numbers_of_test(gaps, target, scale=0.0)
    assert found["accuracy"] == 0.5
    assert credits_from_text(found["credit"], 3).tolist() == [1.0, 0.0, 0.5]
    assert found["nll"] == pytest.approx(np.log(2))
    assert numbers_of_test(gaps, target, scale=None)["nll"] is None
