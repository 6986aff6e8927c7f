"""Options of sampling. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from rewardsmith.errors import ConfigError
from rewardsmith.sampling.settings import NAMED, SamplingSettings


@dataclass(frozen=True)
class SamplingOptions:
    """How responses are drawn."""

    sampling: Literal["policy", "paper"] = "policy"
    """`policy`: temperature 1 and nothing cut off; `paper`: temperature 0.8, top-p 0.9, repetition penalty 1.1
    (arXiv 2401.06080). All but the first is marked off-policy."""
    temperature: float | None = None
    """In place of that of --sampling; 0 takes the likeliest token."""
    top_p: float | None = None
    """Draw from the likeliest tokens that together have this probability; in place of that of --sampling."""
    repetition_penalty: float | None = None
    """Penalty on tokens that prompt or response hold already (1: none); in place of that of --sampling."""
    max_new_tokens: int = 256
    """Longest response in tokens; what is longer is cut off there, and counted."""

    def settings(self) -> SamplingSettings:
        """The named settings with what is given in their place. ``ConfigError`` for what cannot be."""
        if self.max_new_tokens < 1:
            raise ConfigError(f"`max_new_tokens` {self.max_new_tokens} must be at least 1.")
        names = ("temperature", "top_p", "repetition_penalty")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        return replace(NAMED[self.sampling], **given)


@dataclass(frozen=True)
class LocalSamplingOptions:
    """A policy that runs here."""

    max_prompt_length: int = 512
    """Longest prompt in tokens; a longer one loses its beginning, and is counted."""
    max_tokens_per_batch: int = 8192
    """Tokens in memory at once, prompts and responses of full length; bounds the cache of keys and values."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where the policy runs; `auto` takes an accelerator where there is one, and says so."""
    bf16: bool = False
    """Compute in bfloat16; log-probabilities are then those of the policy in bfloat16."""
