"""What an audit believes of its flagged labels at the least."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from rewardsmith.contracts.tables import PAIRS
from rewardsmith.strength.audited import Audited, audit_pairs
from rewardsmith.strength.ensembles.judgements import Judgements


def audited(num: int = 400) -> Audited:
    """By three judges that see the true gap but for a normal part; a label in five is wrong."""
    rng = np.random.default_rng(0)
    gap = np.abs(rng.normal(size=num)) * 3 * np.where(rng.random(num) < 0.2, -1, 1)
    judged = Judgements(
        np.repeat(gap[:, None], 3, axis=1).astype(np.float32), np.zeros((num, 3), bool), ("oracle",) * 3
    )
    rows = [{"pair_id": str(i), "row": i, "target": 1.0, "weight": 1.0} for i in range(num)]
    return audit_pairs(pa.Table.from_pylist(rows, schema=PAIRS), judged, np.arange(num))


def test_the_flagged_are_the_fewer_wrong_the_fewer_are() -> None:
    found = audited()
    flagged = found.p_wrong > 0.5
    assert found.flagged_at_least is not None
    assert 0.5 < found.flagged_at_least < found.p_wrong[flagged].mean()


def test_what_planted_flips_refuted_counts_at_the_least_too() -> None:
    found = audited()
    assert found.flagged_at_least is not None
    refuted = replace(found, kept=0.3).flagged_at_least
    assert refuted is not None and refuted < found.flagged_at_least - 0.05
