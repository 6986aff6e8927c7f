"""The numbers of a run of iterated RLHF as rows of words, for the report and the terminal alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rewardsmith.contracts.metrics.iterate import (
    IterateFindings,
    MatchNumbers,
    PolicyNumbers,
    RoundNumbers,
)
from rewardsmith.report.iterate.words import against_plain, gold_words, policy_of, rate_words, share_words
from rewardsmith.report.numbers import MISSING, count, decimal, percent, percent_range
from rewardsmith.report.sections import KeyNumber

POLICY_COLUMNS = {
    "gold": "gold",
    "gain": "gain in reward, sd",
    "against_last": "wins against the last",
    "kl": "KL, k1 / k3",
    "perplexity": "perplexity",
    "length": "tokens",
    "without_end": "without end",
}
MODEL_COLUMNS = {
    "num_pairs": "pairs",
    "held_out": "right on pairs held out",
    "accuracy": "right on the policy's samples, by gold",
    "judged": "by the judge",
    "spread": "spread here / first",
    "objective": "J",
    "drift": "drift",
    "disagreement": "disagreement",
}


@dataclass(frozen=True)
class PolicyRow:
    """A policy on the test prompts."""

    name: str
    is_best: bool
    gold: str
    gain: str
    """Of the reward over the first policy, in standard deviations."""
    against_first: str
    against_last: str
    kl: str
    perplexity: str
    length: str
    without_end: str


@dataclass(frozen=True)
class MatchRow:
    """Two policies on the same prompts; as words, percent of win / tie / lose."""

    name: str
    match: MatchNumbers
    shares: str
    rate: str


@dataclass(frozen=True)
class ModelRow:
    """A reward model on what the policy wrote at the beginning of its round."""

    name: str
    num_pairs: str
    held_out: str
    accuracy: str
    """By gold."""
    judged: str
    """The same by a judge."""
    spread: str
    objective: str
    drift: str
    disagreement: str


def known_columns(columns: Mapping[str, str], rows: Sequence[PolicyRow] | Sequence[ModelRow]) -> dict[str, str]:
    """Field and heading of the columns in which some row has a value."""
    return {name: title for name, title in columns.items() if any(getattr(row, name) != MISSING for row in rows)}


def key_numbers(metrics: IterateFindings) -> list[KeyNumber]:
    """Of the best round, or the last where none is; what nobody judged is left out."""
    if not metrics["rounds"]:
        return []
    number = metrics["best_round"] or len(metrics["rounds"])
    policy, model = policy_of(metrics, number), metrics["rounds"][-1]["reward_model"]
    after, numbers = f"after round {number}", []
    if policy["gold"]["value"] is not None:
        first = decimal(metrics["start"]["gold"]["value"])
        numbers.append(KeyNumber(f"gold {after}", decimal(policy["gold"]["value"]), f"{first} at first"))
    for name, match in (("the first policy", policy["against_first"]), ("plain RL", against_plain(metrics))):
        if match:
            interval = percent_range(match["rate"]["low"], match["rate"]["high"])
            numbers.append(KeyNumber(f"win rate over {name}", percent(match["rate"]["value"]), interval))
    if model["gold_accuracy"]["value"] is not None:
        label = f"reward model right, round {len(metrics['rounds'])}"
        numbers.append(KeyNumber(label, percent(model["gold_accuracy"]["value"]), "on what the policy writes"))
    if not numbers:
        gain, perplexity = decimal(policy["reward_gap_first"], 1), decimal(policy["perplexity"], 1)
        numbers.append(KeyNumber("gain in reward", gain, f"standard deviations, {after}"))
        numbers.append(KeyNumber("perplexity", perplexity, after))
    return [*numbers, KeyNumber("KL to the first policy", decimal(policy["kl"], 1), f"nats, {after}")]


def policy_rows(metrics: IterateFindings) -> list[PolicyRow]:
    """The first policy, and that of every round."""
    rows = [_policy_row("first", metrics["start"], metrics["best_round"] == 0)]
    rows += [
        _policy_row(f"round {each['round']}", each["policy"], metrics["best_round"] == each["round"])
        for each in metrics["rounds"]
    ]
    return rows


def _policy_row(name: str, policy: PolicyNumbers, is_best: bool) -> PolicyRow:
    first, last = policy["against_first"], policy["against_last"]
    return PolicyRow(
        name=name,
        is_best=is_best,
        gold=gold_words(policy),
        gain=decimal(policy["reward_gap_first"], 1),
        against_first=rate_words(first) if first else MISSING,
        against_last=rate_words(last) if last else MISSING,
        kl=f"{decimal(policy['kl'], 1)} / {decimal(policy['kl_k3'], 1)}",
        perplexity=decimal(policy["perplexity"], 1),
        length=decimal(policy["length"], 1),
        without_end=percent(policy["share_without_end"]),
    )


def match_rows(metrics: IterateFindings) -> list[MatchRow]:
    """Every round against the first policy, then the best one against round 1."""
    rows = [
        _match_row(f"round {each['round']} against the first", match)
        for each in metrics["rounds"]
        if (match := each["policy"]["against_first"])
    ]
    if plain := against_plain(metrics):
        rows.append(_match_row(f"round {metrics['best_round']} against round 1", plain))
    return rows


def _match_row(name: str, match: MatchNumbers) -> MatchRow:
    shares = " / ".join(f"{100 * share:.0f}" for share in (match["win"], match["tie"], match["lose"]))
    return MatchRow(name, match, shares, rate_words(match))


def model_rows(metrics: IterateFindings) -> list[ModelRow]:
    """The reward model of every round."""
    return [_model_row(each) for each in metrics["rounds"]]


def _model_row(each: RoundNumbers) -> ModelRow:
    model = each["reward_model"]
    return ModelRow(
        name=f"round {each['round']}",
        num_pairs=count(model["num_pairs"]),
        held_out=percent(model["held_out_accuracy"]),
        accuracy=share_words(model["gold_accuracy"]),
        judged=share_words(model["judge_accuracy"]),
        spread=f"{decimal(model['spread_here'])} / {decimal(model['spread_first'])}",
        objective=decimal(model["objective"], 3),
        drift=decimal(model["drift"], 1),
        disagreement=decimal(model["disagreement"]),
    )


def label_rows(metrics: IterateFindings) -> list[tuple[str, str, str, str]]:
    """Round, fresh labels, by whom, and the share of them that gold contradicts."""
    chat = metrics["chat_judge"]
    return [
        (f"round {each['round']}", count(labels["num_pairs"]), chat or labels["by"], percent(labels["wrong_share"]))
        for each in metrics["rounds"]
        if (labels := each["labels"])
    ]
