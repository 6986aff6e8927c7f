"""``metrics.json`` beside a policy that imitates demonstrations (``workflows/imitate.py``)."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict


class ImitateMetrics(TypedDict):
    """``train_``: means over the last steps, as logged."""

    policy: str
    """What it began as."""
    dataset: str
    imitation: Literal["log_sigmoid", "linear", "sft"]
    num_rows: int
    num_bad_rows: int
    bad_rows_by_reason: dict[str, int]
    columns_not_read: dict[str, int]
    """Column -> rows in which it could be part of the conversation."""
    num_demonstrations: int
    """Learned from."""
    num_too_long: int
    """Left out."""
    num_rounds: int | None
    """Times that the policy answered; None where it does not."""
    num_steps: int
    num_epochs: float
    train_runtime_s: float
    """Answering included."""
    train_loss: float
    train_demonstration_logprob: float
    """log pi of a demonstration, nats."""
    train_own_logprob: float | None
    """Of an own response; None where there are none, as the two below."""
    train_accuracy: float | None
    """Share of demonstrations that the implicit reward puts above the own response."""
    train_gap_mean: float | None
