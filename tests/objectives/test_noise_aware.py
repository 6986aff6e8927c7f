"""What is believed of a label whose error rates are known, by hand."""

from __future__ import annotations

import pytest
import torch

from rewardsmith.objectives.noise_aware import believed_target


@pytest.mark.parametrize(
    ("gap", "target", "chosen_rate", "rejected_rate", "believed"),
    [
        (0.0, 1.0, 0.25, 0.25, 0.75),  # a coin-flip gap, a label that is wrong one time in four
        (0.0, 0.0, 0.25, 0.25, 0.25),
        (-3.0, 1.0, 0.0, 0.0, 1.0),  # a label that never errs leaves nothing to the gap
        (-3.0, 0.7, 0.0, 0.0, 0.7),
        (0.0, 1.0, 0.1, 0.4, 0.6 / 0.7),  # by Bayes
        (0.0, 0.0, 0.1, 0.4, 0.4 / 1.3),
        (1.0, 1.0, 1.0, 0.0, 1 / (1 + 2.718281828**-1)),  # one that always says chosen says nothing
        (200.0, 0.0, 0.1, 0.0, 0.0),  # no rounding to nothing over nothing
    ],
)
def test_belief_by_hand(gap: float, target: float, chosen_rate: float, rejected_rate: float, believed: float) -> None:
    found = believed_target(*(torch.tensor([value]) for value in (gap, target, chosen_rate, rejected_rate)))
    assert found.item() == pytest.approx(believed, abs=1e-6)


def test_swapping_a_pair_swaps_the_answer() -> None:
    gap, target, rate = torch.randn(20), torch.rand(20), torch.rand(2, 20) / 2
    there = believed_target(gap, target, rate[0], rate[1])
    back = believed_target(-gap, 1 - target, rate[1], rate[0])
    torch.testing.assert_close(there, 1 - back)
