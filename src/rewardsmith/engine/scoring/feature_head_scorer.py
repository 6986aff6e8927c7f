"""Linear heads on a frozen trunk as a scorer: each head is a member, and features are cached."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scores
from rewardsmith.engine.features.extraction import Features, extract_features
from rewardsmith.engine.hardware.devices import choose_device
from rewardsmith.errors import ModelError
from rewardsmith.metrics.aggregates import Aggregation
from rewardsmith.models.feature_head import FeatureHead
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.files import weights_fingerprint
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.tokens.encoding import ConversationEncoder


class FeatureHeadScorer:
    """Rewards of the heads, and their aggregate. ``ModelError`` where the trunk is not the one they were fitted on."""

    num_bytes = 0
    """The trunk is loaded only while it works."""

    def __init__(
        self, head: FeatureHead, device: str = "auto", quiet: bool = True, aggregation: Aggregation | None = None
    ) -> None:
        self.head = head
        self.device = choose_device(device)
        self.quiet = quiet
        self.aggregation = aggregation or Aggregation()
        self.source = resolve_model(head.trunk, head.trunk_revision)
        if weights_fingerprint(self.source) != head.trunk_fingerprint:
            raise ModelError(f"the weights of {head.trunk} are not those that this feature head was fitted on.")
        self.encoder = ConversationEncoder(load_tokenizer(self.source), head.max_length, head.truncation_side)
        if self.encoder.fingerprint != head.tokens_fingerprint:
            raise ModelError(
                f"the tokenizer or chat template of {head.trunk} is not the one that this feature head was fitted with."
            )

    @property
    def num_members(self) -> int:
        return self.head.num_members

    @property
    def fingerprint(self) -> str:
        """Of heads, trunk, tokenizer, template, truncation and, of several heads, the aggregate."""
        own = self.head.fingerprint
        how = self.aggregation
        return own if self.num_members == 1 else fingerprint_json([[own], how.how, how.coefficient])

    def score(self, conversations: Sequence[Conversation]) -> Scores:
        """Rewards of every head, and their aggregate."""
        features = self._features(conversations)
        members = self.head.member_rewards(features.arrays)
        rewards = self.aggregation(members).astype(np.float32)
        return Scores(rewards, members, int((features.num_cut > 0).sum()))

    def states(self, conversations: Sequence[Conversation]) -> NDArray[np.float32]:
        """The standardised features that the heads multiply [N, D]."""
        return self.head.states(self._features(conversations).arrays)

    def refusals(self, conversations: Sequence[Conversation]) -> dict[int, str]:
        return self.encoder.refusals(conversations)

    def close(self) -> None:
        """There is nothing to let go."""

    def _features(self, conversations: Sequence[Conversation]) -> Features:
        return extract_features(self.source, self.encoder, conversations, self.head.specs, self.device, self.quiet)
