"""What the rewards would choose among a policy's responses, in sentences and rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rewardsmith.contracts.metrics.evaluate import BestOfN, ComparedSamples, SampleNumbers
from rewardsmith.contracts.metrics.parts import IntervalNumbers, MeasureDifference
from rewardsmith.report.numbers import count, decimal, decimal_range, difference, percent, percent_range, points


@dataclass(frozen=True)
class BestRow:
    """The best of n, as words."""

    n: str
    kl_bound: str
    length: str
    gold: str
    possible: str
    other: str
    """Gold by the model compared with."""


def sample_finding(numbers: SampleNumbers) -> str:
    """What choosing by the rewards brings: gold where there is one, else how long the chosen responses are."""
    best = numbers["best_of_n"][-1]
    gain, plain = numbers["gold_gain"], numbers["best_of_n"][0]
    if gain["value"] is None:
        return _length_finding(plain, best)
    words = (
        f"gold is {decimal(plain['gold']['value'])} for any response, {decimal(best['gold']['value'])} for the best of "
        f"{best['n']} by the rewards and {decimal(best['gold_possible'])} for the best there is"
    )
    low, high = gain["low"], gain["high"]
    if low is None or high is None or low <= 0 <= high:
        return f"These responses do not show that the rewards choose better than at random: {words}"
    return f"The rewards choose {'better' if low > 0 else 'worse'} than at random: {words}"


def sample_sentences(numbers: SampleNumbers, other: ComparedSamples | None) -> Iterator[str]:
    """Beside the finding: how often gold agrees, what length has to do with it, and who chooses better."""
    if numbers["num_gold_pairs"]:
        rank = numbers["gold_rank_correlation"]
        yield (
            f"Of {count(numbers['num_gold_pairs'])} pairs of responses to one prompt the rewards order "
            f"{percent(numbers['gold_accuracy']['value'])}{_ends(numbers['gold_accuracy'])} as gold does"
            + (f"; rank correlation within a prompt {decimal(rank['value'])}" if rank["value"] is not None else "")
            + "."
        )
        yield _length_finding(numbers["best_of_n"][0], numbers["best_of_n"][-1]) + "."
    if numbers["spread_share"] is not None:
        yield (
            f"Within a prompt the rewards vary by {percent(numbers['spread_share'])} of what they vary by over all "
            "responses."
        )
    if other and other["num_gold_pairs"]:
        differences = other["differences"]
        yield (
            f"Against the other model: accuracy {_points(differences['gold_accuracy'])}, gold of the best of "
            f"{numbers['best_of_n'][-1]['n']} {_signed(differences['best_gold'])}."
        )


def best_rows(numbers: SampleNumbers, other: ComparedSamples | None) -> list[BestRow]:
    """n = 1, 2, 4, ... and the largest."""
    every = numbers["best_of_n"]
    others = other["best_of_n"] if other else every
    return [
        BestRow(
            count(best["n"]),
            decimal(best["kl_bound"]),
            count(round(best["length"])),
            _with_ends(best["gold"]),
            decimal(best["gold_possible"], 3),
            decimal(its["gold"]["value"], 3),
        )
        for best, its in zip(every, others, strict=True)
        if best["n"] & (best["n"] - 1) == 0 or best is every[-1]
    ]


def _length_finding(plain: BestOfN, best: BestOfN) -> str:
    if not plain["length"]:
        return "All responses are empty"
    return (
        f"The best of {best['n']} by the rewards is {decimal(best['length'] / plain['length'])} times as long as any "
        f"response ({count(round(best['length']))} and {count(round(plain['length']))} characters)"
    )


def _ends(interval: IntervalNumbers) -> str:
    return "" if interval["low"] is None else f" ({percent_range(interval['low'], interval['high'])})"


def _with_ends(interval: IntervalNumbers) -> str:
    ends = "" if interval["low"] is None else f" ({decimal_range(interval['low'], interval['high'])})"
    return decimal(interval["value"], 3) + ends


def _points(entry: MeasureDifference) -> str:
    return points(entry["difference"], entry["difference_low"], entry["difference_high"]) + _unclear(entry)


def _signed(entry: MeasureDifference) -> str:
    return difference(entry["difference"], entry["difference_low"], entry["difference_high"]) + _unclear(entry)


def _unclear(entry: MeasureDifference) -> str:
    return "" if entry["is_clear"] else ", not clear"
