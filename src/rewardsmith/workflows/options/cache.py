"""The configuration of `cache`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CacheConfig:
    """List or clear the cache: features of texts, and models converted from GGUF files.

    Examples:
      rewardsmith cache
      rewardsmith cache --clear
    """

    clear: bool = False
    """Delete every entry."""
    json: bool = False
    """Make the last line of stdout one JSON document."""
