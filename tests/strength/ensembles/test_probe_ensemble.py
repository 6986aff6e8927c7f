from __future__ import annotations

import numpy as np

from rewardsmith.strength.ensembles.probe_ensemble import enough_length


def test_a_sufficient_length_leaves_all_but_a_twentieth_whole() -> None:
    tokens = np.array([100] * 19 + [700], dtype=np.int32)
    assert enough_length(tokens) == 128
    tokens[18] = 300
    assert enough_length(tokens) == 320
    assert enough_length(np.array([64], dtype=np.int32)) == 64
