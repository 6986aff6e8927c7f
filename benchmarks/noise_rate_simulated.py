"""How close does the estimated share of wrong labels come to the truth, where the truth is known?

Question   Simulated sets with 5 to 40 % wrong labels, uniform and on hard pairs: estimate minus truth in points, and
           how often the range holds the truth.
Workload   simulate_features: 64 features, gaps of which a stated share no linear judge can see, exact annotators plus
           flips, so that a label is wrong exactly where it was flipped. 10 judges.
Ceiling    With n labels and the true beliefs known, the standard error of the rate is about sqrt(e (1 - e) / n) /
           (2 a - 1), a being the judge's accuracy: 0.6 points for 8,000 labels, a = 0.85 and e = 0.2.
Command    python benchmarks/noise_rate_simulated.py
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
import torch

from rewardsmith.preferences.simulation.features import simulate_features
from rewardsmith.strength.ensembles.design import Candidate, Design
from rewardsmith.strength.ensembles.logistic import principal_axes
from rewardsmith.strength.ensembles.probe import probe_judgements
from rewardsmith.strength.label_noise.posterior import estimate_label_noise
from rewardsmith.strength.options import StrengthOptions

RATES = (0.05, 0.1, 0.2, 0.3, 0.4)


def measure(num_pairs: int, unexplained: float, flips: str, rate: float, seed: int) -> dict[str, Any]:
    """One simulated set: truth and estimate."""
    simulated = simulate_features(
        num_pairs, 64, unexplained=unexplained, annotator="exact", flips=flips, flip_rate=rate, seed=seed
    )
    rows = torch.from_numpy(simulated.features_chosen - simulated.features_rejected)
    rows = rows @ principal_axes(rows, rows.shape[1])
    design = Design(Candidate("simulated", ()), rows / rows.square().sum(1).mean().sqrt())
    judged = probe_judgements([design], simulated.target, simulated.group, StrengthOptions(), seed)
    noise = estimate_label_noise(judged.held_out().mean, simulated.group)
    assert noise is not None
    truth = float(simulated.wrong.mean())
    return {
        "error": 100 * (noise.value - truth),
        "covered": noise.low <= truth <= noise.high,
        "identifiable": noise.identifiable,
        "ceiling": simulated.ceiling,
    }


def main() -> None:
    """Prints a table, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num_pairs", type=int, default=8000)
    parser.add_argument("--unexplained", type=float, nargs="*", default=[0.1, 0.3, 0.5])
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    rows = []
    print(f"{'flips':8} {'unseen':>6} {'ceiling':>7} {'rate':>5}  error in points by seed    covered identifiable")
    for flips in ("uniform", "hard"):
        for unexplained in args.unexplained:
            for rate in RATES if flips == "uniform" else (0.2,):
                found = [measure(args.num_pairs, unexplained, flips, rate, seed) for seed in range(args.seeds)]
                errors = [f["error"] for f in found]
                rows.append({"flips": flips, "unexplained": unexplained, "rate": rate, "found": found})
                print(
                    f"{flips:8} {unexplained:6.1f} {found[0]['ceiling']:7.3f} {rate:5.2f}  "
                    f"{' '.join(f'{e:+6.1f}' for e in errors)}   mean |error| {np.mean(np.abs(errors)):4.1f}  "
                    f"{sum(f['covered'] for f in found)} of {len(found)}  {sum(f['identifiable'] for f in found)}",
                    flush=True,
                )
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
