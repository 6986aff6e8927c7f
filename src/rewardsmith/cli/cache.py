"""``rewardsmith cache``."""

from __future__ import annotations

from rewardsmith.cli.show import show_result
from rewardsmith.workflows.options import CacheConfig

CONFIG = CacheConfig
HELP = """List or clear the feature cache.

Examples:
  rewardsmith cache
  rewardsmith cache --clear"""


def run(config: CacheConfig) -> int:
    from rewardsmith.workflows.cache import run_cache

    return show_result(run_cache(config), config)
