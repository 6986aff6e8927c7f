"""How far the counts of a small audit would move with another set of its kind.

Of a few hundred pairs another draw can give quite another number of doubtful ones. So the set is drawn again from
itself, by groups and with replacement (the bootstrap), its judges are fitted anew, choices included, and everything
that is counted is counted again. Copies of a group stay in one fold, so no judge has learned a label that it judges. To
the estimate of wrong labels each copy is a group of its own, as another group would be.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from rewardsmith.artifacts.terminal.progress import progress
from rewardsmith.contracts.metrics.stability import CountRange, ShareRange, StabilityNumbers
from rewardsmith.contracts.tables import STRENGTH_CLASSES
from rewardsmith.strength.audited import Audited, audit_pairs
from rewardsmith.strength.ensembles.ensemble import Ensemble, Targets
from rewardsmith.strength.label_noise.posterior import MIN_GROUPS
from rewardsmith.strength.table import WRONG

FEW_PAIRS = 500
"""Counts of a set with as many judged labels stand by themselves."""
NUM_RESAMPLES = 20
FEWEST_GROUPS = 3
ENDS = (0.05, 0.95)
"""Quantiles of the resamples between which a range lies. The count of another sample of the size lies there in about
four of five cases or more (``benchmarks/stability_coverage.py``); between 0.1 and 0.9 it does in seven of ten."""
SEED = 50_000
"""Begins the seeds of its judges, so that they share no folds with those of the audit."""

Rows = NDArray[np.int64]


def stability_numbers(
    ensemble: Ensemble,
    audited: Audited,
    target: Targets,
    groups: NDArray[np.int64],
    seed: int,
    second: NDArray[np.float64] | None = None,
) -> StabilityNumbers | None:
    """Where the counts of ``audited`` lie in resamples of its pairs; None where they are many or nothing is counted.

    ``target`` [N]: what judges learn. ``groups`` [N] are drawn as wholes; of fewer than 15 no range can be told. An
    ensemble that takes long to refit keeps its gaps, and the ranges leave out what other judges would have said.
    ``second`` [N]: labels of a second file, which stay as they are (``Audited.beside``).
    """
    num_judged = int((~np.isnan(audited.p_wrong)).sum())
    num_groups = len(np.unique(groups))
    if audited.level != "labels_judged" or num_judged >= FEW_PAIRS or num_groups < MIN_GROUPS:
        return None
    rng = np.random.default_rng(SEED + seed)
    found: dict[str, list[float]] = defaultdict(list)
    refitted = True
    with progress("Resampling the set", NUM_RESAMPLES) as bar:
        for number in range(NUM_RESAMPLES):
            rows, draws = draw_groups(groups, rng)
            judged = ensemble.rejudge(rows, target, SEED + seed + number)
            refitted = judged is not None
            again = audit_pairs(audited.pairs.take(rows), judged or audited.judged.take(rows), draws, seed)
            again = again.keeping(audited.kept).beside(None if second is None else second[rows], draws)
            for name, value in counted(again.at(audited.level)).items():
                found[name].append(value)
            bar.advance()
    own = counted(audited)
    return {
        "num_resamples": NUM_RESAMPLES,
        "refitted": refitted,
        "flagged": _count_range(found["flagged"], own["flagged"], len(groups)),
        "ambiguous": _count_range(found["ambiguous"], own["ambiguous"], len(groups)),
        "strong": _count_range(found["strong"], own["strong"], len(groups)),
        "share": _range(found["share"], own["share"]),
    }


def draw_groups(groups: NDArray[np.int64], rng: np.random.Generator) -> tuple[Rows, NDArray[np.int64]]:
    """Rows [n] of groups drawn with replacement until there are as many as in the set, and the draw of each row [n].

    A group that is drawn twice gives its rows twice, in two draws. With fewer than ``FEWEST_GROUPS`` different ones,
    which nothing can be fitted across, it draws again.
    """
    codes = np.unique(groups, return_inverse=True)[1].reshape(-1)
    sizes = np.bincount(codes)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])
    drawn = np.zeros(1, dtype=np.int64)
    while len(np.unique(drawn)) < FEWEST_GROUPS:
        drawn = rng.integers(len(sizes), size=len(codes))
        drawn = drawn[: np.searchsorted(np.cumsum(sizes[drawn]), len(codes)) + 1]
    return np.concatenate([members[group] for group in drawn]), np.repeat(np.arange(len(drawn)), sizes[drawn])


def counted(audited: Audited) -> dict[str, float]:
    """What an audit counts, as shares of its pairs; ``share`` is that of wrong labels, NaN where nobody judges."""
    classes = {name: float((audited.classes == index).mean()) for index, name in enumerate(STRENGTH_CLASSES)}
    return {
        "flagged": float(((audited.p_wrong > WRONG) & (audited.pairs["weight"].to_numpy() > 0)).mean()),
        "ambiguous": classes["ambiguous"],
        "strong": classes["strong"],
        "share": float(np.nanmean(audited.p_wrong)) if audited.noise else np.nan,
    }


def _count_range(shares: list[float], own: float, num_pairs: int) -> CountRange:
    low, high = _ends(shares, own)
    return {"low": int(np.floor(low * num_pairs + 1e-9)), "high": int(np.ceil(high * num_pairs - 1e-9))}


def _range(values: list[float], own: float) -> ShareRange:
    low, high = _ends(values, own)
    return {"low": low, "high": high}


def _ends(values: list[float], own: float) -> tuple[float, float]:
    """The quantiles ``ENDS``, drawn out to the set's own value: resamples have fewer distinct pairs to learn from."""
    low, high = np.nanquantile(values, ENDS)
    return min(float(low), own), max(float(high), own)
