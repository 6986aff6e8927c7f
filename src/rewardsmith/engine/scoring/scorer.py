"""Scorers that run here: a sequence-classification reward model, and linear heads on a frozen trunk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from rewardsmith.artifacts.fingerprints import fingerprint_json
from rewardsmith.artifacts.progress import say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.batches.batch_forms import DEFAULT_MAX_TOKENS, BatchForm, batch_form
from rewardsmith.engine.features.features import extract_features
from rewardsmith.engine.hardware.devices import choose_device, use_all_cores
from rewardsmith.engine.scoring.scoring import score_conversations
from rewardsmith.errors import ConfigError, ModelError
from rewardsmith.models.embedded import resolve_model
from rewardsmith.models.feature_head import FeatureHead, is_feature_head
from rewardsmith.models.files import weights_fingerprint
from rewardsmith.models.loading import load_reward_model, load_tokenizer
from rewardsmith.models.positions import check_max_length, position_limit
from rewardsmith.tokens.encoding import ConversationEncoder

DEFAULT_MAX_LENGTH = 512


class LocalScorer:
    """Rewards of a sequence-classification model with one label, or of a peft model on one.

    Prompts that conversations share are computed once where the model can be packed (`batch_forms.py`), and so are
    equal conversations; which ones share a batch changes rewards by rounding only. Over-long ones are cut as the
    encoder says; ``num_cut`` counts them.
    """

    num_members = 1

    def __init__(
        self,
        model: Any,
        encoder: ConversationEncoder,
        max_tokens: int | None = None,
        device: str = "auto",
        weights: str | None = None,
        quiet: bool = True,
    ) -> None:
        self.device = choose_device(device)
        self.model = model.to(self.device).eval()
        self.encoder = encoder
        self.max_tokens = DEFAULT_MAX_TOKENS if max_tokens is None else max_tokens
        """Tokens in one forward pass; a longer conversation goes alone."""
        self.quiet = quiet
        self.num_cut = 0
        """Conversations that were cut so far."""
        self._weights = weights
        if self.max_tokens < 1:
            raise ConfigError(f"--max_tokens_per_batch {max_tokens} must be at least 1.")
        check_max_length(model.config, encoder.max_length, model.config.name_or_path or "the model")

    @property
    def fingerprint(self) -> str:
        """Of weights, tokenizer, template and truncation."""
        if self._weights is None:
            self._weights = state_fingerprint(self.model)
        return fingerprint_json([self._weights, self.encoder.fingerprint])

    @cached_property
    def form(self) -> BatchForm:
        """How batches are made; found when the first conversations come, since it runs the model."""
        return batch_form(self.model, self.encoder)

    def score(self, conversations: Sequence[Conversation]) -> NDArray[np.float32]:
        """Rewards [N], in the order given; an empty list gives none."""
        use_all_cores()
        scored = score_conversations(self.model, self.encoder, self.form, conversations, self.max_tokens, self.quiet)
        self.num_cut += scored.num_cut
        return scored.rewards

    def score_members(self, conversations: Sequence[Conversation]) -> NDArray[np.float32]:
        """Rewards [1, N]."""
        return self.score(conversations)[None]


class FeatureHeadScorer:
    """Rewards of linear heads on a frozen trunk: the mean over members. Features are cached."""

    def __init__(self, head: FeatureHead, device: str = "auto", quiet: bool = True) -> None:
        self.head = head
        self.device = choose_device(device)
        self.quiet = quiet
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
        """Heads."""
        return self.head.num_members

    @property
    def fingerprint(self) -> str:
        """Of heads, trunk, tokenizer, template and truncation."""
        return self.head.fingerprint

    def score_members(self, conversations: Sequence[Conversation]) -> NDArray[np.float32]:
        """Rewards [M, N] of every member."""
        specs = self.head.specs
        features = extract_features(self.source, self.encoder, conversations, specs, self.device, self.quiet)
        return self.head.member_rewards(dict(features.arrays))

    def score(self, conversations: Sequence[Conversation]) -> NDArray[np.float32]:
        """Mean rewards [N], in the order given."""
        return np.asarray(self.score_members(conversations).mean(axis=0), dtype=np.float32)


def load_scorer(
    path: str,
    max_length: int | None = None,
    max_tokens: int | None = None,
    device: str = "auto",
    quiet: bool = True,
) -> LocalScorer | FeatureHeadScorer:
    """The scorer of a folder or Hub id: sequence classification, peft adapter, or feature head.

    ``max_length`` None: what the model was trained with, else 512 or the model's positions if fewer. A feature head
    is bound to its own length, and another is an error. ``max_tokens``: in a forward pass; a feature head keeps its
    own batches.
    """
    if is_feature_head(path):
        head = FeatureHead.load(path)
        if max_length not in (None, head.max_length):
            raise ModelError(
                f"--max_length {max_length}: {path} was fitted at {head.max_length} tokens and has no other."
            )
        return FeatureHeadScorer(head, device, quiet)
    model, tokenizer, extra = load_reward_model(path)
    if max_length is not None and max_length < 1:
        raise ConfigError(f"--max_length {max_length} must be at least 1.")
    limit = position_limit(model.config)
    length = max_length or extra.get("max_length") or min(DEFAULT_MAX_LENGTH, limit or DEFAULT_MAX_LENGTH)
    side: Literal["left", "right"] = extra.get("truncation_side", "left")
    if "max_length" not in extra and max_length is None:
        say(f"{path} does not say at which length it was trained; conversations are cut at {length} tokens.")
    encoder = ConversationEncoder(tokenizer, int(length), side)
    return LocalScorer(model, encoder, max_tokens, device, _weights_of(path, model), quiet)


def _weights_of(path: str, model: Any) -> str | None:
    """Fingerprint of the files that a model was loaded from, of an adapter with its base; None: ask the model."""
    if hasattr(model, "peft_config"):
        config = model.peft_config["default"]
        base = resolve_model(config.base_model_name_or_path, config.revision)
        return fingerprint_json([weights_fingerprint(resolve_model(path)), weights_fingerprint(base)])
    return weights_fingerprint(resolve_model(path)) if Path(path).is_dir() else None


def state_fingerprint(model: Any) -> str:
    """``sha256:...`` of a model's parameters and buffers as they are now."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"
