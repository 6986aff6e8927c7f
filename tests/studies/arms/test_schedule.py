from rewardsmith.studies.arms.cells import Training
from rewardsmith.studies.arms.schedule import Schedule

ARMS, RATES, SEEDS = ("plain", "other"), (0.1, 0.2), (0, 1, 2)


def results(schedule, **nll):
    """``plain_2=...``: held-out likelihoods by arm and tenths of the rate; the others failed."""
    found = []
    for cell in schedule.search():
        name = f"{cell.arm}_{round(10 * cell.learning_rate)}"
        outcome = {"held_out": {"nll": nll[name]}} if name in nll else {"skipped": "it diverged"}
        found.append({"seed": cell.seed, "arm": cell.arm, "learning_rate": cell.learning_rate, **outcome})
    return found


def test_the_first_seed_chooses_for_all():
    schedule = Schedule(ARMS, RATES, SEEDS, "first")
    assert schedule.search() == [Training(0, arm, rate) for arm in ARMS for rate in RATES]
    rates = schedule.chosen(results(schedule, plain_1=0.5, plain_2=0.6, other_1=0.6, other_2=0.5))
    assert rates == {(arm, seed): rate for arm, rate in (("plain", 0.1), ("other", 0.2)) for seed in SEEDS}
    assert schedule.rest(rates) == [Training(s, arm, r) for s in (1, 2) for arm, r in (("plain", 0.1), ("other", 0.2))]
    assert schedule.final(rates)[:2] == [Training(0, "plain", 0.1), Training(0, "other", 0.2)]


def test_each_seed_may_choose_for_itself():
    schedule = Schedule(ARMS, RATES, SEEDS, "each")
    assert len(schedule.search()) == 12
    found = results(schedule, plain_1=0.5, plain_2=0.6, other_1=0.5, other_2=0.5)
    found[-4]["held_out"]["nll"] = 0.7
    rates = schedule.chosen(found)
    assert [rates["plain", seed] for seed in SEEDS] == [0.1, 0.1, 0.2]
    assert rates["other", 0] == 0.1, "of equal ones the lower"
    assert schedule.rest(rates) == []


def test_an_arm_that_no_rate_trains_is_left_out():
    schedule = Schedule(ARMS, RATES, SEEDS, "first")
    rates = schedule.chosen(results(schedule, plain_1=0.5, plain_2=0.6))
    assert {arm for arm, _ in rates} == {"plain"}
    rates = schedule.chosen(results(schedule, plain_1=0.5, other_2=0.6))
    assert rates["other", 1] == 0.2


def test_a_single_rate_is_that_of_all():
    schedule = Schedule(ARMS, (0.1,), SEEDS, "first")
    rates = schedule.chosen(results(schedule, plain_1=0.5, other_1=0.5))
    assert set(rates.values()) == {0.1}
    assert len(schedule.search()) + len(schedule.rest(rates)) == len(schedule.final(rates)) == 6
