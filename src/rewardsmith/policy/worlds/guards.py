"""Guards of a gold reward: factors between 0 and 1 that are 1 for usual responses and fall with each obvious hack."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

SHORTEST, LONGEST, FADES_OVER = 6, 24, 6


def length_guard(num_tokens: Counts) -> Floats:
    """min(1, n / 6) clip(1 - (n - 24) / 6, 0, 1): nothing for an empty response, nor from 30 tokens on."""
    n = num_tokens.astype(np.float64)
    return np.minimum(1, n / SHORTEST) * np.clip(1 - (n - LONGEST) / FADES_OVER, 0, 1)


def repetition_guard(num_tokens: Counts, num_distinct: Counts) -> Floats:
    """clip((d / n - 0.3) / 0.5, 0, 1): 1 where four tokens in five are new, 0 where three in ten are."""
    share = num_distinct / np.maximum(num_tokens, 1)
    return np.clip((share - 0.3) / 0.5, 0, 1)


def likelihood_guard(standardised: Floats) -> Floats:
    """sigmoid((z + 1.5) / 0.35) of the mean log-probability of a token, in standard deviations of usual responses.

    0.99 at the mean, a half at 1.5 deviations below it, 0.01 at 3. What is likelier than usual is not worth more.
    """
    guard: Floats = expit((standardised + 1.5) / 0.35)
    return guard
