"""A world, opened by its options."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy
from rewardsmith.policy.worlds.gold import GoldReward
from rewardsmith.policy.worlds.options import WorldOptions
from rewardsmith.preferences.rows.messages import assistant, user
from rewardsmith.tokens.encoding import ConversationEncoder

POLICY, REWARD_MODEL = "embedded/tiny-chat", "embedded/tiny-reader"
MAX_NEW_TOKENS = 32
"""A response that is cut off there has no gold left."""
EXCHANGES = Path(__file__).parent / "exchanges.jsonl.gz"
NUM_USUAL = 1000
MAX_LENGTH = 512
SHARES = (0.5, 0.4, 0.1)


@dataclass(frozen=True)
class World:
    """Everything that a loop of RLHF needs to begin, and a reward that it must not see."""

    gold: GoldReward
    preference_prompts: list[Conversation]
    policy_prompts: list[Conversation]
    """Other ones than those of the preferences."""
    test_prompts: list[Conversation]
    policy: str = POLICY
    """Where a policy begins."""
    reward_model: str = REWARD_MODEL
    """Where a reward model begins: smaller than the policy, so that it can be exploited."""
    max_new_tokens: int = MAX_NEW_TOKENS


def open_world(options: WorldOptions = WorldOptions()) -> World:  # noqa: B008 - frozen
    """The same options give the same gold, prompts and shares."""
    exchanges = read_exchanges()
    reference, tokenizer = load_policy(resolve_model(options.world_language_model))
    encoder = ConversationEncoder(tokenizer, MAX_LENGTH)
    gold = GoldReward(options.world, reference, encoder, exchanges[:NUM_USUAL], options.world_seed)
    of_preferences, of_policy, of_tests = shared_out([talk[:-1] for talk in exchanges], options.world_seed)
    return World(gold, of_preferences, of_policy, of_tests)


def shared_out(prompts: Sequence[Conversation], seed: int) -> list[list[Conversation]]:
    """Prompts of the preferences, the policy and the tests."""
    order = np.random.default_rng([seed, 3]).permutation(len(prompts))
    ends = (np.cumsum(SHARES)[:2] * len(prompts)).round().astype(int)
    return [[prompts[i] for i in part] for part in np.split(order, ends)]


def read_exchanges() -> list[Conversation]:
    """Prompts, each with one response, as ``embedded/tiny-chat`` wrote both (scripts/make_tiny_policy.py)."""
    with gzip.open(EXCHANGES, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [[user(row["prompt"]), assistant(row["response"])] for row in rows]
