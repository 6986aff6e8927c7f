"""A study of arms as numbers: what stands in ``metrics.json`` and in the report. JSON-ready, no arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from rewardsmith.contracts.metrics.study_arms import ArmNumbers, ArmOnTest, ArmsFindings, RateNumbers, SetNumbers
from rewardsmith.metrics.intervals import Interval, number_to_see, without_spread
from rewardsmith.trials.bootstrap import NUM_RESAMPLES, Codes, Estimate
from rewardsmith.trials.cell_log import Result, credits_from_text
from rewardsmith.trials.paired_results import PairedResults

POINT = 0.01


@dataclass(frozen=True)
class ScoredSet:
    """A set that all arms are tested on."""

    name: str
    dataset_name: str
    groups: Codes
    """Of each pair whose label decides: with which others it is drawn again."""
    num_prompts_trained_on: int
    num_prompts_sampled: int = 0


@dataclass(frozen=True)
class ArmResults:
    """What is known when all cells are done."""

    trainings: Sequence[Result]
    tests: Sequence[Result]
    """Of the trainings that were chosen."""
    options: Mapping[str, dict[str, Any]]
    """By arm, its own; in the order of the file."""
    same_course: Mapping[str, bool]
    baseline: str
    seeds: tuple[int, ...]
    rates: tuple[float, ...]
    num_resamples: int = NUM_RESAMPLES

    def on(self, test: ScoredSet) -> PairedResults[str]:
        """Credits of the arms on one set."""
        credits: dict[tuple[str, int], dict[str, Any]] = {(test.name, seed): {} for seed in self.seeds}
        for result in self.tested():
            credit = credits_from_text(result["tests"][test.name]["credit"], len(test.groups))
            credits[test.name, result["seed"]][result["arm"]] = credit
        return PairedResults(
            credits, dict.fromkeys(self.seeds, test.groups), self.seeds, self.baseline, self.num_resamples
        )

    def trained(self, arm: str) -> list[Result]:
        """Its trainings that did not fail."""
        return [result for result in self.trainings if result["arm"] == arm and "held_out" in result]

    def tested(self) -> list[Result]:
        """Tests that did not fail."""
        return [result for result in self.tests if "tests" in result]


def findings(results: ArmResults, tests: Sequence[ScoredSet]) -> ArmsFindings:
    """Everything that the cells say. An arm that failed with some seed has no numbers on tests."""
    tested = [_test(results, test) for test in tests]
    verdicts = [arm["verdict"] for test in tested for arm in test["arms"].values() if arm["verdict"]]
    return {
        "arms": [_arm(results, name) for name in results.options if results.trained(name)],
        "tests": tested,
        "num_comparisons": len(verdicts),
        "num_clear": sum(verdict != "unclear" for verdict in verdicts),
        "failed": [
            {
                "arm": result["arm"],
                "learning_rate": result["learning_rate"],
                "seed": result["seed"],
                "reason": result["skipped"],
            }
            for result in (*results.trainings, *results.tests)
            if "skipped" in result
        ],
    }


def _test(results: ArmResults, test: ScoredSet) -> SetNumbers:
    paired = results.on(test)
    measured = [name for name in results.options if (test.name, name) in paired.measured]
    return {
        "name": test.name,
        "dataset_name": test.dataset_name,
        "num_pairs": len(test.groups),
        "num_groups": paired.num_tested_groups,
        "enough_groups": paired.enough_groups,
        "num_prompts_trained_on": test.num_prompts_trained_on,
        "num_prompts_sampled": test.num_prompts_sampled,
        "arms": {name: _on_test(results, paired, test, name) for name in measured},
    }


def _on_test(results: ArmResults, paired: PairedResults[str], test: ScoredSet, arm: str) -> ArmOnTest:
    gain = paired.gain(test.name, arm)
    losses = [result["tests"][test.name]["nll"] for result in results.tested() if result["arm"] == arm]
    compared = arm != results.baseline
    smallest = (_finite(gain.smallest_seen) or None) if compared else None  # without spread nobody knows
    return {
        "accuracy": paired.mean(test.name, arm).value,
        "nll": None if None in losses else float(np.mean(losses)),
        "gain": _interval(gain, paired).as_dict() if compared else gain.as_dict(),
        "verdict": gain.verdict if compared else None,
        "standard_error": _finite(gain.standard_error) if compared else None,
        "smallest_seen": smallest,
        "pairs_for_a_point": pairs_for(POINT, gain, len(test.groups)) if compared else None,
    }


def _interval(gain: Estimate, paired: PairedResults[str]) -> Interval:
    """That of the gain, also where all pairs show the same."""
    if gain.standard_error == 0:
        return without_spread(gain.value, 1.0, paired.num_tested_groups)
    return gain.interval


def pairs_for(difference: float, gain: Estimate, num_pairs: int) -> int | None:
    """Pairs with which a difference would be seen, as if all that varies shrank as pairs become more.

    Rounded up to two digits; None where the gain has no spread.
    """
    return number_to_see(difference, gain.standard_error, num_pairs)


def _arm(results: ArmResults, name: str) -> ArmNumbers:
    own, base = results.trained(name), results.trained(results.baseline)
    chosen = {str(test["seed"]): test["learning_rate"] for test in results.tested() if test["arm"] == name}
    ends = {min(results.rates), max(results.rates)} if len(results.rates) > 1 else set()
    return {
        "name": name,
        "options": results.options[name],
        "same_course": results.same_course[name],
        "num_pairs": round(float(np.mean([result["num_pairs"] for result in own]))),
        "truncated_share": float(np.mean([result["truncated_share"] for result in own])),
        "learning_rate": chosen,
        "at_end_of_grid": bool(ends & set(chosen.values())),
        "held_out": [rate for value in results.rates if (rate := _rate(own, value))],
        "seconds": float(np.median([result["seconds"] for result in own])),
        "cost": float(np.median([r["seconds"] for r in own]) / np.median([r["seconds"] for r in base])),
    }


def _rate(own: Sequence[Result], rate: float) -> RateNumbers | None:
    found = [result["held_out"] for result in own if result["learning_rate"] == rate]
    if not found:
        return None
    accuracies = [one["accuracy"] for one in found]
    return {
        "learning_rate": rate,
        "num_seeds": len(found),
        "accuracy": None if None in accuracies else float(np.mean(accuracies)),
        "nll": float(np.mean([one["nll"] for one in found])),
    }


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
