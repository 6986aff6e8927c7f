"""The samples of a round as ``evaluate`` measures them."""

from __future__ import annotations

import numpy as np

from rewardsmith.contracts.conversations import key_of
from rewardsmith.evaluation.policy_samples import ScoredPrompt, ScoredSamples
from rewardsmith.policy.rounds.round_samples import Floats, RoundSamples, SampleScores


def as_evaluated(samples: RoundSamples, scores: SampleScores, gold: Floats | None) -> ScoredSamples:
    """``gold`` [P, k], where it is known."""
    return ScoredSamples(
        [
            ScoredPrompt(
                scores.rewards[place],
                np.array([float(len(response["content"])) for response in responses]),
                [key_of(response) for response in responses],
                None if gold is None else gold[place],
            )
            for place, responses in enumerate(samples.responses)
        ],
        scores.num_truncated,
    )
