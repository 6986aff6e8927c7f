"""Options of judging. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ChatJudgeOptions:
    """How a chat model judges."""

    judge_model: str | None = None
    """Name of the chat model behind --base_url that judges."""
    rubric: str = "helpful"
    """What it is told to go by: `helpful`, `harmless`, `summary`, `paper` (as in arXiv 2401.06080), or a YAML file."""
    orders: Literal["rubric", "both", "random"] = "rubric"
    """`both`: asked twice with sides swapped, and disagreement is a tie; `random`: asked once, in a random order;
    `rubric`: as the rubric says (`paper`: random; the others: both)."""
    max_judge_tokens: int = 512
    """Longest answer of the judge in tokens."""


@dataclass(frozen=True)
class SpendingOptions:
    """What judging may cost, forecast before it begins. Answers that are kept already cost nothing."""

    max_requests: int = 10_000
    """Do not begin where more requests are to be sent, and end after so many; `iterate` counts all its rounds."""
    input_price: float | None = None
    """Price of a million tokens that the judge reads."""
    output_price: float | None = None
    """Price of a million tokens that it writes."""
    max_cost: float | None = None
    """Do not begin where the forecast costs more, and end once it has cost so much (needs both prices): an answer that
    cannot be read is asked for once more. `iterate` counts all its rounds."""


MAY_CHANGE = (
    *("max_requests", "max_cost", "input_price", "output_price"),
    *("api_key_env", "max_concurrent_requests", "max_retries", "request_timeout_s"),
)
"""Options of asking that bear on no ruling: a run may go on with others."""


@dataclass(frozen=True)
class ScorerJudgeOptions:
    """How rewards judge."""

    tie_band: float = 0.0
    """Gaps up to this size are ties, in units of the reward."""
