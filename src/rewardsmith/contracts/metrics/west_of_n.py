"""What preferences a reward model made of samples (``workflows/west_of_n.py``)."""

from __future__ import annotations

from typing_extensions import TypedDict

from rewardsmith.contracts.metrics.parts import IntervalNumbers


class WestOfNMetrics(TypedDict):
    reward_model: str
    fingerprint: str
    num_members: int
    samples: str
    num_prompts: int
    num_responses: int
    num_quarantined: int
    num_conversations_cut: int
    num_alike: int
    """Prompts without two responses of different text and reward."""
    num_unsure: int
    """Pairs left out by ``keep_confident``."""
    num_unlikely: int
    """Pairs left out by ``keep_likely``."""
    num_beyond_ratio: int
    """Pairs left out by ``synthetic_per_human``."""
    num_made: int
    """Pairs written that the reward model made."""
    num_human: int
    """Pairs of ``human_dataset_name``, all of which are written."""
    confidence: float | None
    """Mean over the pairs that were made and written, as all that follows."""
    longer_share: float | None
    """Of pairs of unequal length: the chosen response is the longer one."""
    num_gold_pairs: int
    """Pairs of known and unequal gold."""
    gold_accuracy: IntervalNumbers
    """Of those: gold prefers the chosen response too."""
