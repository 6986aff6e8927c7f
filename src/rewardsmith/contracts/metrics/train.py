"""``metrics.json`` beside a trained model (``workflows/train.py``)."""

from __future__ import annotations

from typing_extensions import TypedDict

from rewardsmith.contracts.metrics.evaluate import RewardNumbers


class TrainMetrics(TypedDict):
    """Of a model that was not evaluated. ``train_``: over the last steps, as logged."""

    num_pairs: int
    columns_not_read: dict[str, int]
    """Column -> rows in which it could be part of the conversation."""
    num_steps: int
    num_epochs: float
    num_without_weight: int
    num_too_long: int
    num_identical_after_truncation: int
    truncated_share: float
    """Of the pairs."""
    train_runtime_s: float
    train_pairs_per_s: float
    train_loss: float
    train_accuracy: float | None
    train_gap_mean: float | None
    train_mean_reward: float


class EvaluatedTrainMetrics(TrainMetrics, RewardNumbers):
    """Of one that was, on pairs held out."""

    eval_num_prompts_trained_on: int
