"""When a loop should end."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.contracts.metrics.iterate import MatchNumbers, PolicyNumbers, RoundNumbers
from rewardsmith.policy.rounds.stop_rules import best_round, should_have_stopped, stops_after


def match(value: float, low: float | None) -> MatchNumbers:
    return {"win": value, "tie": 0.0, "lose": 1 - value, "rate": {"value": value, "low": low, "high": 1.0}}


GAINED = match(0.6, 0.55)


def policy(**changes: Any) -> PolicyNumbers:
    numbers: dict[str, Any] = {
        "gold": {"value": None, "low": None, "high": None},
        "kl": 0.0,
        "perplexity": 30.0,
        "against_first": None,
        "against_last": None,
    }
    return numbers | changes  # type: ignore[return-value]


def round_of(
    of_policy: PolicyNumbers, number: int = 1, stops: tuple[str, ...] = (), here: float = 1.0, first: float = 1.0
) -> RoundNumbers:
    model = {"spread_here": here, "spread_first": first}
    return {"round": number, "reward_model": model, "policy": of_policy, "stops": list(stops)}  # type: ignore


def rules(before: PolicyNumbers, now: RoundNumbers) -> list[str]:
    return [stop["rule"] for stop in stops_after(before, now)]


def test_a_round_that_gains_goes_on_however_far_the_policy_moves() -> None:
    assert rules(policy(), round_of(policy(kl=80.0, perplexity=90.0, against_last=GAINED))) == []


@pytest.mark.parametrize(("here", "first", "held"), [(2.4, 10, True), (2.6, 10, False), (1, 1, False), (0, 0, False)])
def test_spread_collapses_by_the_scale_of_its_own_model(here: float, first: float, held: bool) -> None:
    now = round_of(policy(against_last=GAINED), here=here, first=first)
    assert rules(policy(), now) == ["spread_collapsed"] * held


@pytest.mark.parametrize(
    ("kl", "perplexity", "held"),
    [(11.0, 30.0, False), (13.0, 30.0, True), (10.0, 37.0, False), (10.0, 38.0, True), (2.0, 10.0, False)],
)
def test_a_policy_runs_away_where_it_moves_by_a_quarter_and_is_not_judged_better(
    kl: float, perplexity: float, held: bool
) -> None:
    before = policy(kl=10.0)
    lost = match(0.5, 0.45)
    found = rules(before, round_of(policy(kl=kl, perplexity=perplexity, against_last=lost)))
    assert found == ["ran_away"] * held + ["no_gain"]
    unsure = match(0.52, 0.45)
    assert rules(before, round_of(policy(kl=kl, perplexity=perplexity, against_last=unsure))) == ["no_gain"]


def test_the_first_nats_count_from_one() -> None:
    lost = match(0.4, 0.3)
    assert rules(policy(kl=-0.1), round_of(policy(kl=0.2, against_last=lost))) == ["no_gain"]
    [ran_away, no_gain] = stops_after(policy(), round_of(policy(kl=1.0, against_last=lost)))
    assert ran_away == {"rule": "ran_away", "value": 2.0, "bar": 1.25}
    assert no_gain == {"rule": "no_gain", "value": 0.3, "bar": 0.5}


def test_what_nobody_judges_is_not_claimed() -> None:
    assert rules(policy(), round_of(policy(kl=500.0, perplexity=1e6))) == []
    assert rules(policy(), round_of(policy(against_last=match(0.0, None)))) == []


def with_gold(*golds: float) -> list[PolicyNumbers]:
    return [policy(gold={"value": gold, "low": None, "high": None}, against_first=GAINED) for gold in golds]


def rounds_of(policies: list[PolicyNumbers]) -> list[RoundNumbers]:
    return [round_of(one, number) for number, one in enumerate(policies, 1)]


def test_the_best_round_is_that_of_most_gold() -> None:
    start, *after = with_gold(0.4, 0.5, 0.6, 0.3)
    assert best_round(start, rounds_of(after)) == 2
    assert best_round(start, rounds_of(with_gold(0.1, 0.3))) == 0
    assert best_round(start, rounds_of(with_gold(0.5, 0.5))) == 1
    assert best_round(start, []) == 0


def test_without_gold_it_is_that_which_wins_most_against_the_first_policy() -> None:
    rates = [policy(against_first=match(rate, None)) for rate in (0.55, 0.7, 0.6)]
    assert best_round(policy(), rounds_of(rates)) == 2
    assert best_round(policy(), rounds_of([policy(against_first=match(0.45, None))])) == 0


def test_where_nobody_judges_no_round_is_best() -> None:
    assert best_round(policy(), rounds_of([policy(), policy()])) is None
    assert best_round(policy(), []) is None


def test_a_loop_should_have_stopped_after_the_first_round_in_which_a_rule_held() -> None:
    rounds = [round_of(policy(), 1), round_of(policy(), 2, ("no_gain",)), round_of(policy(), 3, ("ran_away",))]
    assert should_have_stopped(rounds) == 2
    assert should_have_stopped(rounds[:1]) is None
