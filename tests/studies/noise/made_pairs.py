"""A made set as the study wants it: features, truth, lengths and clusters, no text and no model."""

from __future__ import annotations

import numpy as np
import torch

from rewardsmith.preferences.simulation.features import simulate_features
from rewardsmith.strength.ensembles.design import Candidate, Design
from rewardsmith.strength.ensembles.logistic import principal_axes
from rewardsmith.studies.noise.study_pairs import PairColumns, StudyPairs


def made_pairs(num_pairs: int = 1200, num_features: int = 24, seed: int = 0, **options: float) -> StudyPairs:
    """Pairs whose labels are the sign of the true gap; the belief is the true gap's."""
    simulated = simulate_features(num_pairs, num_features, seed=seed, **{"unexplained": 0.05, **options})
    rows = torch.from_numpy(simulated.features_chosen - simulated.features_rejected)
    rows = rows / rows.square().sum(1).mean().sqrt()
    columns = PairColumns(
        target=simulated.target.astype(np.float64),
        belief=1 / (1 + np.exp(-simulated.true_gap)),
        longer=np.sign(simulated.length_chosen - simulated.length_rejected).astype(np.float64),
        clusters=simulated.category,
        votes=np.full((num_pairs, 3), np.nan),
    )
    design = Design(Candidate("features", ()), rows @ principal_axes(rows, num_features))
    responses = np.arange(2 * num_pairs).reshape(-1, 2)
    return StudyPairs([design], columns, simulated.group, simulated.group, responses, simulated.group)
