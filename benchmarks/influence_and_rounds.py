"""Do influence scores find wrong labels better than a held-out loss, and do rounds of repair find more?

Workload: simulated feature pairs (`preferences/simulation/features.py`), 2000 pairs, 64 features, a fifth of the gap's
variance beyond any linear judge, uniform flips at 0.2 and 0.3, so that the truth is known. Penalty of single heads:
chosen by held-out likelihood of the noisy labels. Ceiling: a ranking is as good as AUROC 1. AUROC of planted flips,
mean and standard deviation over seeds; for rounds also precision and recall of `p_wrong` > 0.5. Not a speed benchmark.

    python benchmarks/influence_and_rounds.py --num_seeds 5
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import torch
from numpy.typing import NDArray

from rewardsmith.metrics.detection import precision_recall
from rewardsmith.metrics.ranking import auroc
from rewardsmith.preferences.simulation.features import SimulatedFeatures, simulate_features
from rewardsmith.refining.evidence import Evidence
from rewardsmith.refining.folded_rows import choose_penalties, in_principal_axes
from rewardsmith.refining.influence import cross_influence, influence_scores
from rewardsmith.refining.last_layer import Array, LastLayer, Rows, fit_last_layer
from rewardsmith.refining.recipe import load_recipe
from rewardsmith.refining.rounds import Round, refine_in_rounds
from rewardsmith.refining.supervision import Supervision
from rewardsmith.strength.ensembles.crossfit import assign_folds
from rewardsmith.strength.ensembles.design import Candidate, Design
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.probe import probe_judgements
from rewardsmith.strength.label_noise.posterior import estimate_label_noise
from rewardsmith.strength.options import StrengthOptions

NUM_PAIRS, NUM_TRUSTED, NUM_FOLDS = 2000, 200, 5
RECIPES = ("flip_wrong", "soft_label", "drop")


def single_heads(made: SimulatedFeatures, seed: int) -> dict[str, float]:
    """AUROC of every score that a single head gives."""
    features = in_principal_axes(made.features_chosen - made.features_rejected)
    rows = Rows(features, made.target.astype(np.float64), np.zeros(NUM_PAIRS), np.ones(NUM_PAIRS))
    fold_of = assign_folds(made.group, NUM_FOLDS, 1, np.random.default_rng(seed))[0]
    penalties = choose_penalties(rows, fold_of, NUM_FOLDS)
    l2 = float(np.median(penalties))
    held_out = np.zeros(NUM_PAIRS)
    for fold in range(NUM_FOLDS):
        judged = fold_of == fold
        held_out[judged] = features[judged] @ fit_last_layer(rows.take(~judged), penalties[fold]).head
    trusted = np.arange(NUM_PAIRS) < NUM_TRUSTED
    right = rows.take(trusted)
    right = Rows(np.where(made.flipped[trusted], -1.0, 1.0)[:, None] * right.features, *list(vars(right).values())[1:])
    others = rows.take(~trusted)
    layer = fit_last_layer(others, l2)
    return {
        "held-out loss": auroc(-held_out, made.flipped),
        "self-influence": auroc(self_influence(fit_last_layer(rows, l2), rows), made.flipped),
        "influence on other folds": auroc(cross_influence(rows, fold_of, l2), made.flipped),
        f"influence on {NUM_TRUSTED} trusted labels": auroc(
            influence_scores(layer, others, right), made.flipped[~trusted]
        ),
    }


def self_influence(layer: LastLayer, rows: Rows) -> Array:
    """g_i' H^-1 g_i [N]: how fast a pair's own weight lowers its own loss. Large for what only its own label says."""
    leverage = (rows.features * layer.solve(rows.features.T).T).sum(axis=1)
    return np.asarray(np.square(rows.residuals(layer.head)) * leverage)


def rounds_of(made: SimulatedFeatures, recipe: str, seed: int) -> list[Round]:
    """Rounds of one recipe with four judges a pair."""
    rows = torch.from_numpy(made.features_chosen - made.features_rejected)
    designs = [Design(Candidate("features", ()), rows / rows.square().sum(1).mean().sqrt())]
    target = made.target.astype(np.float64)

    def judge(labels: NDArray[np.float32]) -> Judgements:
        return probe_judgements(designs, labels, made.group, StrengthOptions(num_judges=4), seed)

    def examine(judged: Judgements) -> Evidence:
        gap = judged.held_out().mean
        noise = estimate_label_noise(gap, made.group)
        assert noise is not None
        return Evidence.from_judgements(target, judged, p_wrong=noise.p_wrong(gap))

    return refine_in_rounds(judge, examine, load_recipe(recipe), Supervision.plain(target), 6)


def of_rounds(made: SimulatedFeatures, recipe: str, seed: int) -> dict[str, float]:
    """Figures of the first and of the last round."""
    rounds = rounds_of(made, recipe, seed)
    found: dict[str, float] = {"rounds": len(rounds), "stable": float(rounds[-1].stable)}
    for name, round_ in (("first", rounds[0]), ("last", rounds[-1])):
        shares = precision_recall(round_.flagged, made.flipped)
        found[f"auroc_{name}"] = auroc(-round_.evidence.strength_mean, made.flipped)
        found |= {f"{what}_{name}": shares[what] or 0.0 for what in ("precision", "recall")}
    return found


def main() -> None:
    """Prints a table a question, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num_seeds", type=int, default=5)
    num_seeds = parser.parse_args().num_seeds
    results = []
    for rate in (0.2, 0.3):
        sets = [simulate_features(NUM_PAIRS, 64, flip_rate=rate, seed=seed) for seed in range(num_seeds)]
        parts = {"single heads": [single_heads(made, seed) for seed, made in enumerate(sets)]}
        parts |= {name: [of_rounds(made, name, seed) for seed, made in enumerate(sets)] for name in RECIPES}
        for part, found in parts.items():
            print(f"\nflips {rate:.0%}, {part}")
            for name in found[0]:
                values = np.array([one[name] for one in found])
                print(f"  {name:32} {values.mean():.3f} +- {values.std(ddof=1):.3f}")
                results.append([rate, part, name, float(values.mean()), float(values.std(ddof=1))])
    print(json.dumps(results))


if __name__ == "__main__":
    main()
