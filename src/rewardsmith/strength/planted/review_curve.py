"""What reading the audit's list is worth: wrong labels found among the first k pairs, from a planted copy.

The pairs of the copy that were not flipped are the set as it is. A reader who has read a share d of them, from the top,
has passed a share h of the flips; if wrong labels stand where flips do, h of them are among the first d of the set:

    found(k) = N min(e h(k / N), k / N)          at random: k e

with N pairs and e the share of wrong labels. Two things make it too low: a share e of the flips put a wrong label
right, and the flips make the copy harder to judge than the set. One makes it too high: errors on hard pairs stand lower
than flips. The low end of the range takes no label for wrong that was not flipped: e h + (1 - e) d are read there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, inf, isfinite

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.planted import ReviewCurve, ReviewStep
from rewardsmith.metrics.review import found_interval, ranked_list
from rewardsmith.strength.label_noise.posterior import LabelNoise

FIRST = 100
FIRST_SHARE = 0.2
"""Of the pairs, at most, that the first ones are."""
NEAR = 10
"""Times the first ones that are followed closely; beyond them ``FAR`` shares of the list are measured."""
NUM_NEAR = 20
FAR = (0.1, 0.2, 0.5)

Floats = NDArray[np.float64]


def review_curve(
    suspicion: Floats,
    others: Mapping[str, Floats],
    planted: NDArray[np.bool_],
    groups: NDArray[np.int64],
    num_pairs: int,
    noise: LabelNoise,
    seed: int,
) -> ReviewCurve | None:
    """Of ``suspicion`` [n] on a copy in which flips were ``planted`` [n], and of other methods on the same copy.

    ``num_pairs`` and ``noise`` are those of the set itself. Ranges cover the bootstrap over ``groups`` [n] and both
    ends of the share of wrong labels. None where less than one label is expected to be wrong.
    """
    if num_pairs * noise.value < 1:
        return None
    read = steps_of(num_pairs)
    depth = np.array(read) / num_pairs
    low, high = found_interval(suspicion, planted, groups, depth, (noise.low, noise.high, 0.0), seed)
    shares = np.column_stack([ranked_list(suspicion, planted).found_share(depth), high[2], *low[:2]]).tolist()
    steps = [_step(number, num_pairs, noise, *share) for number, share in zip(read, shares, strict=True)]
    return {
        "in_counts": True,
        "num_pairs": num_pairs,
        "share_wrong": {"value": noise.value, "low": noise.low, "high": noise.high},
        "first": steps[read.index(num_first(num_pairs))],
        "steps": steps,
        "others": [
            {
                "method": method,
                "found": [
                    num_pairs * min(noise.value * share, at)
                    for share, at in zip(ranked_list(by, planted).found_share(depth).tolist(), depth, strict=True)
                ],
            }
            for method, by in others.items()
        ],
    }


def in_shares(curve: ReviewCurve) -> ReviewCurve:
    """The same without a count: shares of all wrong labels, which the set's own share of them hardly moves."""
    if curve["share_wrong"] is None:
        return curve
    wrong = curve["num_pairs"] * curve["share_wrong"]["value"]

    def shared(step: ReviewStep) -> ReviewStep:
        depth = step["num_read"] / curve["num_pairs"]
        low, high = (None if times is None else times * depth for times in (step["times_low"], step["times_high"]))
        return {**step, "found": step["times_random"] * depth, "low": low, "high": high, "at_random": depth}

    return {
        **curve,
        "in_counts": False,
        "share_wrong": None,
        "first": shared(curve["first"]),
        "steps": [shared(step) for step in curve["steps"]],
        "others": [{**other, "found": [found / wrong for found in other["found"]]} for other in curve["others"]],
    }


def num_first(num_pairs: int) -> int:
    """How many pairs the headline reads: 100, or a fifth of a small set."""
    return max(1, min(FIRST, int(FIRST_SHARE * num_pairs)))


def steps_of(num_pairs: int) -> list[int]:
    """Numbers of pairs read, ascending: even steps as far as one reads by hand, then shares of the list."""
    first = num_first(num_pairs)
    near = np.linspace(0, min(NEAR * first, num_pairs), NUM_NEAR + 1)[1:]
    return sorted({first, *(ceil(k) for k in near), *(ceil(share * num_pairs) for share in FAR)})


def mean_review(curves: Sequence[ReviewCurve | None]) -> ReviewCurve | None:
    """Several plantings as one: every number is the mean over them, the ends of the ranges too."""
    known = [curve for curve in curves if curve is not None]
    if not known:
        return None
    steps = [_mean_step([curve["steps"][i] for curve in known]) for i in range(len(known[0]["steps"]))]
    first = known[0]["first"]["num_read"]
    return {
        **known[0],
        "first": next(step for step in steps if step["num_read"] == first),
        "steps": steps,
        "others": [
            {
                "method": other["method"],
                "found": np.mean([curve["others"][i]["found"] for curve in known], axis=0).tolist(),
            }
            for i, other in enumerate(known[0]["others"])
        ],
    }


def _step(
    number: int,
    num_pairs: int,
    noise: LabelNoise,
    share: float,
    high: float,
    low_of_few: float,
    low_of_many: float,
) -> ReviewStep:
    """``share`` of the wrong labels is found, at most ``high``; the least where few or many labels are wrong."""
    depth = number / num_pairs

    def found(share: float, rate: float) -> float:
        return num_pairs * min(rate * share, depth)  # no more than is read

    def times(share: float, rate: float) -> float:
        return min(share / depth, 1 / rate if rate > 0 else inf)

    return {
        "num_read": number,
        "found": found(share, noise.value),
        "low": _finite(found(low_of_few, noise.low)),
        "high": _finite(found(high, noise.high)),
        "at_random": number * noise.value,
        "times_random": times(share, noise.value),
        "times_low": _finite(times(low_of_many, noise.high)),
        "times_high": _finite(times(high, noise.low)),
    }


def _mean_step(steps: Sequence[ReviewStep]) -> ReviewStep:
    def ends(values: Sequence[float | None]) -> float | None:
        return float(np.mean(known)) if (known := [value for value in values if value is not None]) else None

    return {
        "num_read": steps[0]["num_read"],
        "found": float(np.mean([step["found"] for step in steps])),
        "low": ends([step["low"] for step in steps]),
        "high": ends([step["high"] for step in steps]),
        "at_random": steps[0]["at_random"],
        "times_random": float(np.mean([step["times_random"] for step in steps])),
        "times_low": ends([step["times_low"] for step in steps]),
        "times_high": ends([step["times_high"] for step in steps]),
    }


def _finite(value: float) -> float | None:
    return float(value) if isfinite(value) else None
