"""What `sample` says of the responses that it wrote."""

from __future__ import annotations

from typing_extensions import TypedDict


class AnswerCounts(TypedDict):
    """Of some prompts."""

    num_prompts: int
    """Answered ones."""
    num_prompts_cut: int
    """Prompts that were longer than may be, and lost their beginning."""
    num_responses: int
    num_cut_off: int
    """Responses as long as may be, which the policy had not ended."""
    num_empty: int
    num_tokens: int | None
    """That the policy wrote; null where an endpoint does not say."""


class SampleMetrics(AnswerCounts):
    policy: str
    base_url: str | None
    fingerprint: str
    dataset: str
    num_rows: int
    num_repeated: int
    """Rows whose prompt has been answered in an earlier one."""
    num_bad_rows: int
    bad_rows_by_reason: dict[str, int]
    num_prompts_resumed: int
    columns_not_read: dict[str, int]
    """Column -> rows in which it could be part of the conversation."""
    num_samples: int
    """Responses to a prompt."""
    on_policy: bool
    """Whether they come from the policy's own distribution."""
    temperature: float
    top_p: float
    repetition_penalty: float
    max_new_tokens: int
    seed: int
    duration_s: float
