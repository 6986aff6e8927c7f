"""A reward model that runs here: distinct conversations once, prompts together, in flat memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.terminal.progress import progress, say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scores
from rewardsmith.engine.batches.batch_forms import DEFAULT_MAX_TOKENS, BatchForm, batch_form
from rewardsmith.engine.hardware.devices import choose_device, use_all_cores
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.errors import ConfigError
from rewardsmith.models.layers.dropout import dropout_sites
from rewardsmith.models.layers.heads import RewardOutput, core_of, output_layer, read_head
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.files import weights_fingerprint
from rewardsmith.models.loading.positions import check_max_length, position_limit
from rewardsmith.models.loading.reward_models import load_reward_model
from rewardsmith.preferences.pairs.conversations import distinct, turns_of
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded

DEFAULT_MAX_LENGTH = 512
Read = Callable[[list[Encoded]], RewardOutput]
"""What the model gives for the conversations of one batch."""
WINDOW = 4096
"""Conversations whose tokens are in memory at once and that are planned together."""


class LocalScorer:
    """Rewards of a sequence-classification model with one label, or of a peft model on one.

    Prompts that conversations share are computed once where the model can be packed (`batch_forms.py`), and so are
    equal conversations; which ones share a batch changes rewards by rounding only.
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
        self._weights = weights
        self._form: BatchForm | None = None
        self._preparing = Lock()
        if self.max_tokens < 1:
            raise ConfigError(f"`max_tokens_per_batch` {max_tokens} must be at least 1.")
        check_max_length(model.config, encoder.max_length, model.config.name_or_path or "the model")

    @property
    def fingerprint(self) -> str:
        """Of weights, tokenizer, template and truncation."""
        if self._weights is None:
            self._weights = state_fingerprint(self.model)
        return fingerprint_json([self._weights, self.encoder.fingerprint])

    @property
    def num_bytes(self) -> int:
        return sum(p.numel() * p.element_size() for p in self.model.parameters())

    @property
    def form(self) -> BatchForm:
        """How batches are made; found when the first conversations come, since it runs the model."""
        with self._preparing:
            self._form = self._form or batch_form(self.model, self.encoder)
            return self._form

    def score(self, conversations: Sequence[Conversation]) -> Scores:
        """Rewards [N], in the order given."""
        unique, position = distinct_by_prompt(conversations)
        rewards = np.zeros(len(unique), dtype=np.float32)
        truncated = np.zeros(len(unique), dtype=np.bool_)
        for places, encoded, output in self._read(unique, self._output, "Scoring conversations"):
            rewards[places] = output.rewards.float().cpu().numpy()
            truncated[places] = [item.num_cut > 0 for item in encoded]
        return Scores.of_one(rewards[position], int(truncated[position].sum()))

    def states(self, conversations: Sequence[Conversation]) -> NDArray[np.float32]:
        """What the head multiplies [N, D], in the order given."""
        return self._states(conversations, self._output, "Reading states")

    def views(self, conversations: Sequence[Conversation], dropout: float, seed: int = 0) -> NDArray[np.float32]:
        """States [2, N, D] of two views that drop as training does (`models/layers/dropout.py`), in all blocks."""
        form = batch_form(self.model, self.encoder, dropout=True)
        with dropout_sites(self.model, dropout, seed, all_blocks=True) as drops:

            def viewed(view: int, encoded: list[Encoded]) -> RewardOutput:
                inputs = form.inputs([replace(item, view=view) for item in encoded]).to(self.device)
                assert drops is not None and inputs.token_keys is not None, "a rate above 0 and a form with keys"
                with drops.at_tokens(inputs.token_keys):
                    return read_head(self.model, inputs.arguments(), inputs.last)

            both = [self._states(conversations, partial(viewed, view), "Reading two views") for view in (0, 1)]
        return np.stack(both)

    def refusals(self, conversations: Sequence[Conversation]) -> dict[int, str]:
        return self.encoder.refusals(conversations)

    def close(self) -> None:
        """Lets the model go; it is freed unless somebody else holds it."""
        self.model = None

    def _output(self, encoded: list[Encoded]) -> RewardOutput:
        inputs = self.form.inputs(encoded).to(self.device)
        return read_head(self.model, inputs.arguments(), inputs.last)

    def _states(self, conversations: Sequence[Conversation], read: Read, what: str) -> NDArray[np.float32]:
        unique, position = distinct_by_prompt(conversations)
        states = np.zeros((len(unique), output_layer(core_of(self.model)).in_features), dtype=np.float32)
        for places, _, output in self._read(unique, read, what):
            states[places] = output.states.float().cpu().numpy()
        return states[position]

    @torch.inference_mode()
    def _read(
        self, conversations: Sequence[Conversation], read: Read, what: str
    ) -> Iterator[tuple[NDArray[np.int64], list[Encoded], RewardOutput]]:
        """Batch by batch: places of its conversations, their tokens, and what the model gives for them."""
        use_all_cores()
        with progress(what, len(conversations), self.quiet) as bar:
            for begin in range(0, len(conversations), WINDOW):
                encoded = self.encoder.encode_many(conversations[begin : begin + WINDOW])
                for batch in self.form.plan([[item] for item in encoded], self.max_tokens):
                    members = [encoded[i] for i in batch]
                    yield begin + batch, members, read(members)
                    bar.advance(len(batch))


def distinct_by_prompt(conversations: Sequence[Conversation]) -> tuple[list[Conversation], NDArray[np.int64]]:
    """Each conversation once, those of one prompt side by side, and for each one given its place among them [N].

    Prompts come in the order of their first appearance.
    """
    unique, position = distinct(conversations, turns_of)
    _, prompts = distinct(unique, lambda conversation: turns_of(conversation[:-1]))
    order = np.argsort(prompts, kind="stable")
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return [unique[i] for i in order], places[position]


def load_local_scorer(path: str, options: ScoringOptions, quiet: bool = True) -> LocalScorer:
    """The scorer of a folder or Hub id: sequence classification, or peft adapter.

    ``max_length`` None: what the model was trained with, else 512 or the model's positions if fewer.
    """
    model, tokenizer, extra = load_reward_model(path)
    asked = options.max_length
    if asked is not None and asked < 1:
        raise ConfigError(f"`max_length` {asked} must be at least 1.")
    limit = position_limit(model.config)
    length = asked or extra.get("max_length") or min(DEFAULT_MAX_LENGTH, limit or DEFAULT_MAX_LENGTH)
    side: Literal["left", "right"] = extra.get("truncation_side", "left")
    if "max_length" not in extra and asked is None:
        say(f"{path} does not say at which length it was trained; conversations are truncated to {length} tokens.")
    encoder = ConversationEncoder(tokenizer, int(length), side)
    weights = _weights_of(path, model)
    return LocalScorer(model, encoder, options.max_tokens_per_batch, options.device, weights, quiet)


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
