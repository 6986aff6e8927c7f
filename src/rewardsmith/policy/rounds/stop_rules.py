"""When a loop should end: rules over the numbers of its rounds. What nobody judged is not claimed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rewardsmith.contracts.metrics.iterate import PolicyNumbers, RoundNumbers, StopNumbers, StopRuleName

EVEN = 0.5
"""Win rate of a policy over itself."""

Value = Callable[[PolicyNumbers, RoundNumbers], float | None]


@dataclass(frozen=True)
class StopRule:
    """Holds where the value, a function of the policy before and the round, is beyond the bar."""

    name: StopRuleName
    bar: float
    value: Value
    """None: it does not hold whatever the bar is, or cannot be judged."""
    holds_below: bool


def spread_left(before: PolicyNumbers, now: RoundNumbers) -> float | None:
    """Spread of the rewards within a prompt where the policy is now, over that where it was first.

    Both by the round's reward model, so its scale does not matter. None where there was none to begin with.
    """
    model = now["reward_model"]
    return model["spread_here"] / model["spread_first"] if model["spread_first"] else None


def growth_without_gain(before: PolicyNumbers, now: RoundNumbers) -> float | None:
    """Factor by which 1 + KL or the perplexity has grown over the round, whichever grew more; both by the first policy.

    None where the responses are judged better than those of the round before: a win rate above one half. None where
    nobody judges.
    """
    policy = now["policy"]
    match = policy["against_last"]
    if match is None or match["rate"]["value"] > EVEN:
        return None
    by_kl = (1 + max(0.0, policy["kl"])) / (1 + max(0.0, before["kl"]))
    return max(by_kl, policy["perplexity"] / before["perplexity"])


def sure_win_rate(before: PolicyNumbers, now: RoundNumbers) -> float | None:
    """Low end of the interval of the win rate over the round before. None where nobody judges, or of one prompt."""
    match = now["policy"]["against_last"]
    return None if match is None else match["rate"]["low"]


RULES = (
    StopRule("spread_collapsed", 0.25, spread_left, holds_below=True),
    StopRule("ran_away", 1.25, growth_without_gain, holds_below=False),
    StopRule("no_gain", EVEN, sure_win_rate, holds_below=True),
)


def stops_after(before: PolicyNumbers, now: RoundNumbers) -> list[StopNumbers]:
    """The rules that hold after a round. ``before``: the policy of the round before, or the first one."""
    found: list[StopNumbers] = []
    for rule in RULES:
        value = rule.value(before, now)
        if value is not None and (value <= rule.bar if rule.holds_below else value > rule.bar):
            found.append({"rule": rule.name, "value": value, "bar": rule.bar})
    return found


def best_round(start: PolicyNumbers, rounds: Sequence[RoundNumbers]) -> int | None:
    """Whose policy is best: by mean gold, else by the win rate over the first policy; of equals the earliest.

    0 is the first policy. None where nobody judges. The best of several on the same prompts looks a little better than
    it is.
    """
    golds = [policy["gold"]["value"] for policy in (start, *(one["policy"] for one in rounds))]
    known = [gold for gold in golds if gold is not None]
    if len(known) == len(golds):
        return known.index(max(known))
    matches = [one["policy"]["against_first"] for one in rounds]
    rates = [EVEN, *(one["rate"]["value"] for one in matches if one is not None)]
    return rates.index(max(rates)) if len(rates) == len(golds) and rounds else None


def round_to_label(best: int | None, num_rounds: int) -> int:
    """In which round the best policy wrote samples, as far as it has: labels tell most about what it writes. Where
    nobody judges, the last one."""
    return num_rounds if best is None else min(best + 1, num_rounds)


def should_have_stopped(rounds: Sequence[RoundNumbers]) -> int | None:
    """First round after which a rule held."""
    return next((one["round"] for one in rounds if one["stops"]), None)
