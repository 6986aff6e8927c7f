"""How far a reward model's probabilities can be trusted on a set, as they are and divided by a temperature."""

from __future__ import annotations

from dataclasses import asdict
from math import isnan
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.evaluate import Calibration
from rewardsmith.evaluation.scored_pairs import ScoredPairs, credit_interval
from rewardsmith.metrics.calibration import (
    agreement,
    brier_score,
    calibration_error,
    confidence,
    equal_mass_bins,
    equal_width_bins,
    error_by_chance,
    negative_log_likelihood,
    reliability_table,
)
from rewardsmith.metrics.temperature import Temperature, crossfitted_scales, fit_temperature

Floats = NDArray[np.float64]

ALL_AGREE = "every label agrees with the rewards, so no gap can be called too large: a larger set is needed"
NONE_AGREE = "the rewards agree with the labels no more than chance does: no temperature makes probabilities of them"
ONE_PROMPT = "pairs of one prompt do not tell how far it would hold"
TOO_WIDE = "these pairs leave it open by more than a factor of two either way: pairs of more prompts are needed"
"""Why there is no temperature."""


def calibration_metrics(
    scored: ScoredPairs, kept_temperature: float | None, seed: int, num_resamples: int
) -> Calibration:
    """Calibration of sigmoid(gap), the temperature of this set, and calibration at it.

    Numbers ``_at_temperature`` are cross-fitted: each pair's gap is divided by the temperature of other prompts, so
    they hold for pairs that the temperature has not seen. ``_at_kept_temperature``: at the one that the model carries,
    if it does. ``reliability`` has the table behind each. What is not defined on this set is None.
    """
    gap, target, prompts = scored.gap, scored.target, scored.prompts
    fitted = fit_temperature(gap, target, prompts)
    scales = crossfitted_scales(gap, target, prompts, seed=seed) if fitted.is_usable else None
    forms = {
        "": gap,
        "_at_temperature": None if scales is None else gap * scales,
        "_at_kept_temperature": None if kept_temperature is None else gap / kept_temperature,
    }
    metrics: dict[str, Any] = {"reliability": {}}
    for suffix, gaps in forms.items():
        numbers, rows = _measured(gaps, scored, seed, num_resamples)
        if not suffix:
            del numbers["nll"]  # `eval_nll` stands beside the accuracies
        metrics |= {f"eval_{name}{suffix}": value for name, value in numbers.items()}
        metrics["reliability"][suffix.lstrip("_") or "as_they_are"] = rows
    metrics |= {
        "eval_temperature": fitted.value if fitted.is_usable else None,
        "eval_temperature_ci_low": fitted.low if fitted.is_usable else None,
        "eval_temperature_ci_high": fitted.high if fitted.is_usable else None,
        "eval_temperature_note": temperature_trouble(fitted),
        "eval_kept_temperature": kept_temperature,
    }
    return cast(Calibration, metrics)


def temperature_trouble(fitted: Temperature) -> str | None:
    """Why a fitted temperature cannot be used; None where it can."""
    if fitted.is_usable:
        return None
    if fitted.is_number:
        return ONE_PROMPT if isnan(fitted.low) else TOO_WIDE
    return ALL_AGREE if fitted.value == 0 else NONE_AGREE


def _measured(
    gap: Floats | None, scored: ScoredPairs, seed: int, num_resamples: int
) -> tuple[dict[str, float | None], list[dict[str, Any]] | None]:
    """The numbers and the reliability table of one form of the gaps; None everywhere without it."""
    names = ("nll", "brier", "ece", "ece_equal_width", "ece_by_chance")
    if gap is None:
        return dict.fromkeys(names), None
    sure, agree = confidence(gap), agreement(gap, scored.target)
    bins = equal_mass_bins(sure)
    values = (
        negative_log_likelihood(gap, scored.target),
        brier_score(gap, scored.target),
        calibration_error(sure, agree, bins),
        calibration_error(sure, agree, equal_width_bins(sure)),
        error_by_chance(sure, bins),
    )
    rows = []
    for index, row in enumerate(reliability_table(sure, agree, bins)):
        inside = bins == index
        low, high = credit_interval(agree[inside], scored.prompts[inside], seed, num_resamples)
        rows.append({**asdict(row), "agreement_ci_low": low, "agreement_ci_high": high})
    return dict(zip(names, values, strict=True)), rows
