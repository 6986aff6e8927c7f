"""Samples of a policy that answers with given texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rewardsmith.policy.rounds.round_samples import RoundSamples, SampleScores


def written(*responses: Sequence[str], cut_off: Sequence[str] = ()) -> RoundSamples:
    """A prompt for each list of responses, by the names prompt 0, prompt 1, ..."""
    return RoundSamples.of_rows(
        {
            "prompt": f"prompt {place}",
            "responses": list(own),
            "finish_reason": ["length" if text in cut_off else "stop" for text in own],
        }
        for place, own in enumerate(responses)
    )


def scores_of(*members: Sequence[Sequence[float]]) -> SampleScores:
    """Rewards [P, k] of each member, and their mean."""
    values = np.array(members, dtype=np.float64)
    return SampleScores(values.mean(0), values)
