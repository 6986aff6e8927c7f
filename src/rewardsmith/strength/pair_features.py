"""From a table of pairs to the designs that probe members are fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa

from rewardsmith.engine.features.extraction import Dtype, extract_features, is_decoder
from rewardsmith.models.blocks import num_layers
from rewardsmith.models.embedded import resolve_model
from rewardsmith.models.loading import load_config, load_tokenizer
from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.conversations import pair_conversations
from rewardsmith.preferences.pair_table import response_lengths
from rewardsmith.strength.design import Design, build_design, by_category, default_candidates, distinct_specs
from rewardsmith.tokens.encoding import ConversationEncoder


@dataclass(frozen=True)
class PairFeatures:
    """Designs of every candidate, and the share of pairs of which truncation took something."""

    designs: list[Design]
    truncated_share: float


def pair_features(pairs: pa.Table, options: ModelOptions, dtype: Dtype = "float32") -> PairFeatures:
    """Reads every distinct conversation once (cached) and builds the designs. No label goes into them."""
    source = resolve_model(options.model_name_or_path, options.model_revision)
    encoder = ConversationEncoder(load_tokenizer(source), options.max_length, options.truncation_side)
    config = load_config(source)
    candidates = default_candidates(num_layers(config), is_encoder=not is_decoder(config))
    conversations = [*chain.from_iterable(pair_conversations(pairs))]
    features = extract_features(source, encoder, conversations, distinct_specs(candidates), options.device, dtype=dtype)
    chosen = np.arange(len(pairs))
    rejected = chosen + len(pairs)
    lengths = np.log1p(np.concatenate(response_lengths(pairs))).astype(np.float32)
    designs = [build_design(c, features.arrays, lengths, chosen, rejected) for c in candidates]
    own = by_category(designs[-1], pairs["category"].to_pylist())
    if own is not None:
        designs.append(own)
    cut = features.num_cut > 0
    return PairFeatures(designs, float((cut[chosen] | cut[rejected]).mean()))
