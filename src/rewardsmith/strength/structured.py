"""The structured audit: which labels are wrong where errors do not fall on all pairs alike.

``label_noise`` takes a common error for a preference: annotators who take length for quality, a category in which most
labels are wrong. Here

1. judges learn with a column for which response is the longer one and judge without it (``design.debiased``);
2. labels err at rates of their own in each cluster and direction of length (``cell_noise``);
3. judges are fitted again to the labels that this makes likely, and 2. is done again;
4. where responses stand in several pairs, their other pairs have a say (``response_effects``).

It can be wrong where its assumptions are: a true preference that changes at equal length is taken for a bias, and a
cluster whose annotators truly want the opposite is taken for one that errs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rewardsmith.strength.ensembles.design import Design, debiased
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.probe import Advance, probe_judgements
from rewardsmith.strength.label_noise.cell_noise import CellNoise, estimate_cell_noise
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.pair_structure import PairStructure
from rewardsmith.strength.response_effects import gaps_in_graph

SEED = 30_000
"""Begins the seeds of its judges, so that they share no folds with those of the usual audit."""
SECOND_SEED = 10_000 + SEED
"""Begins those of the second fit, which must not be the first of another audit."""

Floats = NDArray[np.float64]


def structured_audit(
    designs: Sequence[Design],
    target: NDArray[np.floating],
    structure: PairStructure,
    options: StrengthOptions,
    seed: int,
    advance: Advance = lambda _: None,
) -> tuple[Judgements, CellNoise | None]:
    """The last judges, and what was found of the labels ``target`` [N]; None where the judges say nothing.

    ``advance`` is called with 1 after each repeat of either fit. Raises DataError for too few pairs or groups.
    """
    given = target.astype(np.float64)
    without_length = debiased(designs, structure.longer)

    def judge(labels: Floats, at: int) -> Judgements:
        return probe_judgements(without_length, labels.astype(np.float32), structure.groups, options, at, advance)

    def noise(gap: Floats) -> CellNoise | None:
        return estimate_cell_noise(gap, given, structure.longer, structure.clusters, structure.together)

    judged = judge(given, SEED + seed)
    first = noise(judged.held_out().mean)
    if first is None:
        return judged, None
    judged = judge(believed(given, first.p_wrong), SECOND_SEED + seed)
    gap = judged.held_out().mean
    second = noise(gap)
    if second is not None:
        in_graph = gaps_in_graph(gap, believed(given, second.p_wrong), structure.responses, seed)
        second = noise(in_graph) if in_graph is not None and in_graph.any() else second
    return judged, second or first


def believed(target: Floats, p_wrong: Floats) -> Floats:
    """P(chosen is better) by label and suspicion; the label as it is where there is no suspicion to be had."""
    return np.where(np.isnan(p_wrong), target, target * (1 - p_wrong) + (1 - target) * p_wrong)
