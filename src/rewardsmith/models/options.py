"""Options of choosing a model. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ModelOptions:
    """Which backbone, and how conversations become tokens for it."""

    model_name_or_path: str = "embedded/minilm"
    """Hub id, local folder, `embedded/minilm` or `embedded/smollm2-135m`."""
    model_revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    max_length: int = 512
    """Longest conversation in tokens; longer ones are cut on --truncation_side, and counted."""
    truncation_side: Literal["left", "right"] = "left"
    """Side on which an over-long conversation loses tokens; `left` keeps the response whole."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where the model runs; `auto` takes an accelerator where there is one, and says so."""


@dataclass(frozen=True)
class LoraOptions:
    """Low-rank adapters instead of full fine-tuning."""

    use_peft: bool = False
    """Train low-rank adapters (peft) only, and the head of a reward model."""
    lora_r: int = 16
    """Rank."""
    lora_alpha: int = 32
    """Scale: updates are multiplied by alpha / r."""
    lora_dropout: float = 0.0
    """Dropout on the adapters' input."""
    lora_target_modules: str = "all-linear"
    """`all-linear`, or module names separated by commas."""


@dataclass(frozen=True)
class EndpointOptions:
    """A chat model behind an OpenAI-compatible endpoint."""

    base_url: str | None = None
    """Address before `/chat/completions`, such as http://localhost:8000/v1: the model is asked there, by its
    name."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the key, where the endpoint wants one; the key is written nowhere."""
    max_concurrent_requests: int = 8
    """Requests at a time."""
    max_retries: int = 6
    """Tries after the first, with growing pauses, where the endpoint is busy, broken or cannot be reached."""
    request_timeout_s: float = 300.0
    """Longest wait for one answer."""
