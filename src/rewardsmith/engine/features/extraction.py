"""Frozen features of conversations: one forward pass each, every layer and pooling asked for at once, cached."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from operator import itemgetter
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from rewardsmith.artifacts.files.user_cache import folder_size
from rewardsmith.artifacts.terminal.progress import progress, say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.features.feature_cache import (
    CacheKey,
    FeatureCache,
    Vectors,
    conversation_digest,
    features_folder,
    rows_of,
)
from rewardsmith.engine.features.hidden_states import pooling_weights, read_layers
from rewardsmith.engine.hardware.devices import choose_device, use_all_cores
from rewardsmith.errors import ModelError, RunError
from rewardsmith.models.feature_spec import POOLINGS, FeatureSpec
from rewardsmith.models.layers.blocks import num_layers
from rewardsmith.models.loading.embedded import ModelSource
from rewardsmith.models.loading.files import weights_fingerprint
from rewardsmith.models.loading.positions import check_max_length
from rewardsmith.models.loading.reward_models import load_config, load_trunk
from rewardsmith.models.loading.vocabulary import num_embeddings, refuse_foreign_tokenizer
from rewardsmith.preferences.pairs.conversations import distinct
from rewardsmith.tokens.batching import length_sorted_batches, pad_batch
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded
from rewardsmith.tokens.padding import choose_pad_token

MAX_BATCH_TOKENS = {"cpu": 2048, "mps": 8192, "cuda": 32768}
"""Padded tokens of a batch: on a CPU larger ones are no faster, and small data sets pad more."""
SHARD_SECONDS = 20.0
MOST_PASSES = 3
"""Of the trunk, where the cache is emptied while it is being filled."""
LARGEST_FP16 = float(np.finfo(np.float16).max)

Dtype = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Features:
    """One row a conversation, in the order given; equal conversations have equal rows."""

    arrays: dict[FeatureSpec, NDArray[np.float16]]
    """Vectors [N, D] of each layer and pooling."""
    num_cut: NDArray[np.int32]
    """Tokens that truncation took from each conversation [N]."""
    num_tokens: NDArray[np.int32]
    """Tokens that the model read of each conversation [N]."""


def is_decoder(config: Any) -> bool:
    """Whether a trunk reads from left to right only."""
    model_type = config.get_text_config().model_type
    if model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        return bool(getattr(config, "is_decoder", False))
    return model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES


def feature_keys(
    source: ModelSource, encoder: ConversationEncoder, specs: Sequence[FeatureSpec], dtype: Dtype = "float32"
) -> list[CacheKey]:
    """The cache's key of each spec."""
    weights, tokens = weights_fingerprint(source), encoder.fingerprint
    return [CacheKey(source.name, weights, tokens, spec.layer, spec.pooling, dtype) for spec in specs]


def extract_features(
    source: ModelSource,
    encoder: ConversationEncoder,
    conversations: Sequence[Conversation],
    specs: Sequence[FeatureSpec],
    device: str = "auto",
    quiet: bool = False,
    dtype: Dtype = "float32",
) -> Features:
    """Features of conversations, from the cache where it has them; only distinct, new ones reach the model.

    Stored as float16; values beyond its range are clipped, with a notice. What was computed before an interruption is
    kept. An empty list of conversations gives arrays without rows. ``bfloat16`` computes two to three times as fast
    where the processor has it, and moves features by about 1 % of their spread.
    """
    specs = list(dict.fromkeys(specs))
    if not specs:
        raise ModelError("no feature was asked for: give at least one layer and pooling.")
    if not conversations:
        return _no_rows(source, specs)
    digests = [conversation_digest(conversation) for conversation in conversations]
    unique, position = distinct(zip(digests, conversations, strict=True), key=itemgetter(0))
    digests = [digest for digest, _ in unique]
    keys = feature_keys(source, encoder, specs, dtype)
    caches = {spec: FeatureCache(key) for spec, key in zip(specs, keys, strict=True)}
    known = {spec: cache.read() for spec, cache in caches.items()}
    for _ in range(MOST_PASSES):
        missing = {spec: rows_of(vectors, digests) < 0 for spec, vectors in known.items()}
        new = dict(compress(unique, np.any(list(missing.values()), axis=0)))
        if not new:
            break
        wanted = {spec: cache for spec, cache in caches.items() if missing[spec].any()}
        _Extraction(source, encoder, wanted, device, quiet, dtype).run(new)
        known |= {spec: cache.read() for spec, cache in wanted.items()}
    return _gather(known, digests, position)


def _gather(known: dict[FeatureSpec, Vectors | None], digests: list[bytes], position: NDArray[np.int64]) -> Features:
    """Rows of the distinct digests, as often as they were given."""
    arrays: dict[FeatureSpec, NDArray[np.float16]] = {}
    rows: NDArray[np.int64] = np.empty(0, dtype=np.int64)
    vectors: Vectors | None = None
    for spec, vectors in known.items():
        rows = rows_of(vectors, digests)
        if vectors is None or (rows < 0).any():
            raise RunError(
                f"the feature cache in {features_folder()} keeps losing what was just written. Is something else "
                "emptying it? Run again when it has ended."
            )
        rows = rows[position]
        arrays[spec] = vectors.values[rows]
    assert vectors is not None
    return Features(arrays, vectors.num_cut[rows], vectors.num_tokens[rows])


def _no_rows(source: ModelSource, specs: Sequence[FeatureSpec]) -> Features:
    width = int(load_config(source).get_text_config().hidden_size)
    none = np.zeros(0, dtype=np.int32)
    return Features({spec: np.zeros((0, width), dtype=np.float16) for spec in specs}, none, none)


class _Extraction:
    """One run of a trunk over conversations that the cache does not have yet."""

    def __init__(
        self,
        source: ModelSource,
        encoder: ConversationEncoder,
        caches: dict[FeatureSpec, FeatureCache],
        device: str,
        quiet: bool,
        dtype: Dtype,
    ) -> None:
        self.source, self.encoder, self.caches, self.quiet = source, encoder, caches, quiet
        self.device = choose_device(device)
        self.dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
        self.num_clipped = 0

    def run(self, conversations: dict[bytes, Conversation]) -> None:
        """Encodes, computes and stores, a shard every few seconds."""
        digests = list(conversations)
        encoded = self.encoder.encode_many(list(conversations.values()))
        if self.encoder.num_adapted:
            say(f"{self.encoder.num_adapted} conversations were reshaped into turns that the chat template accepts.")
        use_all_cores()
        model, config = load_trunk(self.source, self.device, self.dtype)
        check_max_length(config, self.encoder.max_length, self.source.name)
        check_specs(config, list(self.caches))
        refuse_foreign_tokenizer(model, self.encoder.tokenizer, self.source.name)
        pad_id = choose_pad_token(self.encoder.tokenizer, num_embeddings(model))[0]
        max_tokens = MAX_BATCH_TOKENS[self.device.partition(":")[0]]
        batches = length_sorted_batches([len(item.input_ids) for item in encoded], max_tokens)
        total = sum(len(item.input_ids) for item in encoded)
        pending: list[tuple[NDArray[np.int64], dict[FeatureSpec, NDArray[np.float16]]]] = []
        started = stored = time.monotonic()
        num_done = 0
        with progress(f"Tokens read by {self.source.name}", total, self.quiet) as bar:
            for batch in batches:
                members = [encoded[index] for index in batch]
                pending.append((batch, self._forward(model, members, pad_id)))
                num_tokens = sum(len(item.input_ids) for item in members)
                num_done += num_tokens
                bar.note(**{"tokens/s": round(num_done / max(1e-9, time.monotonic() - started))})
                bar.advance(num_tokens)
                if time.monotonic() - stored > SHARD_SECONDS:
                    self._store(pending, digests, encoded)
                    pending, stored = [], time.monotonic()
        self._store(pending, digests, encoded)
        if not self.quiet:
            say(f"Feature cache: {folder_size(features_folder()) / 1e6:,.1f} MB in {features_folder()}.")
        if self.num_clipped:
            say(f"{self.num_clipped} feature values were clipped to float16's range of +-{LARGEST_FP16:.0f}.")

    def _forward(self, model: Any, members: list[Encoded], pad_id: int) -> dict[FeatureSpec, NDArray[np.float16]]:
        batch = pad_batch(members, pad_id, token_types=self.encoder.has_token_types)
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        response_mask = batch.pop("response_mask")
        weights = {
            pooling: pooling_weights(pooling, batch["attention_mask"], response_mask)
            for pooling in {spec.pooling for spec in self.caches}
        }
        found: dict[FeatureSpec, NDArray[np.float16]] = {}

        def pool(layer: int, hidden: torch.Tensor) -> None:
            wanted = [spec for spec in self.caches if spec.layer == layer]
            stacked = torch.stack([weights[spec.pooling] for spec in wanted], dim=1)
            pooled = torch.bmm(stacked, hidden.float())
            for index, spec in enumerate(wanted):
                found[spec] = self._as_fp16(pooled[:, index])

        read_layers(model, batch, [spec.layer for spec in self.caches], pool)
        return found

    def _as_fp16(self, values: torch.Tensor) -> NDArray[np.float16]:
        if torch.isnan(values).any():
            raise RunError(f"{self.source.name} gave features that are not numbers (NaN). Its weights may be damaged.")
        self.num_clipped += int((values.abs() > LARGEST_FP16).sum())
        return values.clamp(-LARGEST_FP16, LARGEST_FP16).half().cpu().numpy()

    def _store(
        self,
        pending: list[tuple[NDArray[np.int64], dict[FeatureSpec, NDArray[np.float16]]]],
        digests: list[bytes],
        encoded: list[Encoded],
    ) -> None:
        if not pending:
            return
        rows = np.concatenate([batch for batch, _ in pending])
        names = np.frombuffer(b"".join(digests[row] for row in rows), dtype=np.uint8).reshape(len(rows), -1)
        num_cut = np.array([encoded[row].num_cut for row in rows], dtype=np.int32)
        num_tokens = np.array([len(encoded[row].input_ids) for row in rows], dtype=np.int32)
        for spec, cache in self.caches.items():
            values = np.concatenate([found[spec] for _, found in pending])
            cache.append(Vectors(names, values, num_cut, num_tokens))


def check_specs(config: Any, specs: Sequence[FeatureSpec]) -> None:
    """Raises ``ModelError`` for a layer or pooling that a trunk does not have."""
    top = num_layers(config)
    for spec in specs:
        if not 0 <= spec.layer <= top:
            raise ModelError(f"layer {spec.layer} was asked for, but the model has layers 0 to {top}.")
        if spec.pooling not in POOLINGS:
            raise ModelError(f"pooling {spec.pooling!r} is not known; use one of {', '.join(POOLINGS)}.")
