"""The scorer that options ask for."""

from __future__ import annotations

from rewardsmith.engine.scoring.ensemble_scorer import EnsembleScorer, load_scorers
from rewardsmith.errors import ConfigError
from rewardsmith.metrics.aggregates import Aggregation
from rewardsmith.workflows.options import ScoringOptions


def open_scorer(reward_model_path: str, options: ScoringOptions, quiet: bool) -> EnsembleScorer:
    """One model or several, loaded and checked. ``ConfigError`` for options that do not fit together."""
    try:
        aggregation = Aggregation(options.aggregate, options.aggregate_coefficient)
    except ValueError as error:
        raise ConfigError(f"--aggregate_coefficient: {error}.") from error
    return load_scorers(
        reward_model_path, options.max_length, options.max_tokens_per_batch, options.device, quiet, aggregation
    )
