"""What the states behind the rewards show, in sentences and rows."""

from __future__ import annotations

from dataclasses import dataclass

from rewardsmith.contracts.metrics.evaluate import EvaluateMetrics, StateNumbers
from rewardsmith.report.numbers import count, decimal, known, percent, percent_range

COLLAPSED = {
    "point": "The states are one point: the head can hardly tell any responses apart",
    "line": "The states lie on one line: of a response nothing but one number is left",
}


@dataclass(frozen=True)
class StateRow:
    """One figure of both models, as words."""

    name: str
    first: str
    second: str


def state_finding(numbers: StateNumbers) -> str:
    """Whether better responses have a place of their own, in words."""
    if numbers["collapse"] is not None:
        return COLLAPSED[numbers["collapse"]]
    overlap, low, high = (numbers[name] for name in ("overlap", "overlap_by_chance_low", "overlap_by_chance_high"))
    if overlap is None or low is None or high is None:
        return "Too few prompts to say where better responses lie"
    chance = percent_range(low, high)
    words = f"{percent(overlap)} of the states have their nearest one on the other side, {chance} by chance"
    if overlap < low:
        return f"Better and worse responses lie apart: {words}"
    if overlap > high:
        return f"Better and worse responses alternate: {words}"
    return f"Better and worse responses lie mixed: {words}"


def state_rows(metrics: EvaluateMetrics) -> list[StateRow]:
    """What is known of the states, beside that of the model compared with."""
    comparison = metrics.get("comparison")
    other = _words(comparison["states"]) if comparison and comparison["states"] else {}
    mine = _words(metrics["states"]) if metrics["states"] else {}
    return [StateRow(name, value, other.get(name, "")) for name, value in mine.items()]


def _words(n: StateNumbers) -> dict[str, str]:
    by_chance = percent_range(n["overlap_by_chance_low"], n["overlap_by_chance_high"])
    return {
        "effective rank": f"{decimal(n['effective_rank'], 1)} of {count(n['num_dimensions'])}",
        "share of the first axis": percent(n["first_axis_share"]),
        "uniformity": decimal(n["uniformity"]),
        "alignment": decimal(n["alignment"], 3),
        "distance within pairs": decimal(n["pair_distance"], 3),
        "overlap": percent(n["overlap"]) + (f" ({by_chance} by chance)" if known(n["overlap"]) else ""),
    }
