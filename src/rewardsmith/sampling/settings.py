"""From what distribution tokens are drawn. Free of heavy imports."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rewardsmith.errors import ConfigError


@dataclass(frozen=True)
class SamplingSettings:
    """Transforms of the policy's scores, in this order: repetition penalty, temperature, top-p."""

    temperature: float = 1.0
    """0 takes the likeliest token."""
    top_p: float = 1.0
    """Draws from the likeliest tokens that together have this probability."""
    repetition_penalty: float = 1.0
    """Divides the positive scores of tokens that prompt or response hold already, multiplies negative ones."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ConfigError(f"`temperature` {self.temperature} must be a number of at least 0.")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"`top_p` {self.top_p} must be above 0 and at most 1.")
        if not 0 < self.repetition_penalty < math.inf:
            raise ConfigError(f"`repetition_penalty` {self.repetition_penalty} must be a number above 0; 1 is none.")

    @property
    def on_policy(self) -> bool:
        """Whether tokens come from the policy's own distribution; only then are ratios and KL to it unbiased."""
        return self == SamplingSettings()


NAMED = {
    "policy": SamplingSettings(),
    "paper": SamplingSettings(temperature=0.8, top_p=0.9, repetition_penalty=1.1),
}
"""``paper``: with which the policies of arXiv 2401.06080 write."""
