"""What `score` says of the rewards that it wrote; it stands in the metadata of a Parquet file."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class RewardCounts(TypedDict):
    num_rows: int
    num_bad_rows: int
    bad_rows_by_reason: dict[str, int]
    num_responses: int
    num_cut: int
    """Conversations that were longer than the model reads."""
    mean_reward: float | None
    std_reward: float | None
    min_reward: float | None
    max_reward: float | None
    num_pairs: NotRequired[int]
    """This and the rest: of a set of pairs."""
    num_ties: NotRequired[int]
    share_chosen_higher: NotRequired[float | None]
    gap_mean: NotRequired[float | None]


class ScoreMetrics(RewardCounts):
    reward_model: str
    dataset: str
    kind: Literal["pair", "response", "responses"]
    form: str
    """Name of the form of the pairs, or the column of the responses."""
    num_members: int
    temperature: float | None
    num_rows_resumed: int
    columns_not_read: dict[str, int]
    """Column -> rows in which it could be part of the conversation."""
    duration_s: float
