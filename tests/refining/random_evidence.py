"""Evidence of random pairs, with everything in it that real sets have: ties, pairs without judges, soft targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.tables import STRENGTH_CLASSES
from rewardsmith.refining.evidence import Evidence
from rewardsmith.refining.supervision import Supervision
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.label_noise.cell_noise import CellNoise

DECISIONS = (None, None, "keep", "flip", "tie", "drop")


def found_by_structure(p_wrong: NDArray[np.float64]) -> CellNoise:
    """What a structured audit may have found of every label [N]."""
    rates = np.full((1, 2), 0.1)
    return CellNoise(p_wrong, 0.1, 0.1, 0.0, rates, np.repeat(rates, len(p_wrong), axis=0))


def random_evidence(num_pairs: int = 400, seed: int = 0) -> tuple[Evidence, Supervision]:
    """Evidence, and the supervision as given."""
    rng = np.random.default_rng(seed)
    target = rng.choice([1.0, 1.0, 1.0, 0.5, 0.2, 0.0], num_pairs)
    gaps = (1 + rng.normal(size=(num_pairs, 1)) + rng.normal(0, 0.3, (num_pairs, 6))).astype(np.float32)
    gaps[rng.random(num_pairs) < 0.05] = np.nan
    trained = np.tile([False, False, False, False, True, True], (num_pairs, 1))
    p_wrong = np.where((target == 0.5) | np.isnan(gaps[:, 0]), np.nan, rng.random(num_pairs))
    votes = rng.integers(0, 4, (num_pairs, 3)).astype(np.float64)
    votes[rng.random(num_pairs) < 0.2] = np.nan
    evidence = Evidence.from_judgements(
        target,
        Judgements(gaps, trained, ("",) * 6),
        p_wrong=p_wrong,
        p_wrong_structured=np.where(np.isnan(p_wrong), np.nan, np.random.default_rng(seed + 1).random(num_pairs)),
        weight=rng.choice([0.0, 1.0, 2.0], num_pairs),
        strength_class=[(*STRENGTH_CLASSES, None)[i] for i in rng.integers(-1, len(STRENGTH_CLASSES), num_pairs)],
        category=[("a", "b", None)[i % 3] for i in range(num_pairs)],
        source=[("s", "t")[i % 2] for i in range(num_pairs)],
        annotator_id=[("ann", "bob", None)[i % 3] for i in range(num_pairs)],
        votes=votes,
        decision=[DECISIONS[i] for i in rng.integers(0, len(DECISIONS), num_pairs)],
        longer=rng.choice([-1.0, 0.0, 1.0], num_pairs),
        rows=rng.normal(size=(num_pairs, 5)),
    )
    margin = rng.choice([0.0, 0.5], num_pairs)
    given = replace(Supervision.plain(target), margin=margin, weight=evidence.weight.copy())
    return replace(evidence, margin=margin.copy()), given


def same(one: Supervision, other: Supervision) -> bool:
    """Equal in every number."""
    return bool(one.equal(other).all())
