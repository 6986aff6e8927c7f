import pytest

from rewardsmith.studies.arms.cells import Training
from rewardsmith.studies.arms.forecast import HELD_OUT, Cost, Workload, forecast_of, workers_that_fit

COST = Cost(to_start=5.0, a_pair=0.5, to_load=1.0, a_conversation={HELD_OUT: 0.1, "own": 0.2}, memory_gib=1.5)
LOAD = Workload({"plain": 100, "long": 200}, {HELD_OUT: 30, "own": 50})


def test_a_forecast_adds_up_what_is_missing():
    cells = [Training(seed, arm, 0.1) for seed in (0, 1) for arm in ("plain", "long")]
    found = forecast_of({"plain": COST, "long": COST}, LOAD, cells[:3], cells, workers=2)
    assert found.arms["plain"].training_s == pytest.approx(5 + 50 + 1 + 3)
    assert found.arms["long"].training_s == pytest.approx(5 + 100 + 1 + 3)
    assert found.arms["plain"].test_s == pytest.approx(1 + 10)
    assert (found.num_trainings, found.num_tests) == (3, 4)
    assert found.seconds == pytest.approx((2 * 59 + 109 + 4 * 11) / 2)


def test_what_is_done_takes_no_time():
    assert forecast_of({"plain": COST}, LOAD, [], [], workers=1).seconds == 0


def test_as_many_processes_as_fit_but_one_at_least():
    assert workers_that_fit(4, 1.5, 20.0) == 4
    assert workers_that_fit(4, 1.5, 4.6) == 3
    assert workers_that_fit(4, 1.5, 0.5) == 1
    assert workers_that_fit(4, None, 0.5) == 4


def test_a_cost_is_what_a_pilot_says():
    pilot = {"arm": "plain", "to_start": 5.0, "a_pair": 0.5, "to_load": 1.0, "memory_gib": 1.5}
    assert Cost.of({**pilot, "a_conversation": {HELD_OUT: 0.1, "own": 0.2}}) == COST
