"""The ``probe`` ensemble of a set: its conversations are read once, heads are fitted as often as labels change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.artifacts.terminal.progress import progress
from rewardsmith.engine.features.extraction import Dtype, extract_features, is_decoder
from rewardsmith.models.layers.blocks import num_layers
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.positions import position_limit
from rewardsmith.models.loading.reward_models import load_config, load_tokenizer
from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.pairs.conversations import pair_conversations
from rewardsmith.preferences.pairs.pair_table import response_lengths
from rewardsmith.strength.ensembles.crossfit import independent_groups
from rewardsmith.strength.ensembles.design import Design, build_design, by_category, default_candidates, distinct_specs
from rewardsmith.strength.ensembles.ensemble import EnsembleInputs, Labels, MakeEnsemble, Targets, Truncation
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.probe import check_enough, probe_judgements
from rewardsmith.strength.label_noise.cell_noise import CellNoise
from rewardsmith.strength.pair_structure import PairStructure, pair_structure
from rewardsmith.strength.rivals import Rival, rival_finders
from rewardsmith.strength.structured import structured_audit
from rewardsmith.tokens.encoding import ConversationEncoder

STRUCTURED_JUDGES = 4
"""At most, of the structured audit, which fits two ensembles; it has been measured with so many."""
READ_WHOLE = 0.95
"""Share of the pairs that a sufficient ``max_length`` leaves whole."""
ROUND_TO = 32
"""A sufficient ``max_length`` is a multiple of it."""
RESAMPLED_JUDGES = 4
"""At most, of a resample of the set, of which there are many."""


class ProbeEnsemble:
    """Heads on frozen features, which are computed once."""

    def __init__(self, inputs: EnsembleInputs) -> None:
        self._inputs, self._options, self._groups = inputs, inputs.strength, inputs.groups
        self.truncation: Truncation | None = None

    def check(self) -> None:
        check_enough(len(self._groups), self._groups, self._options.num_folds)

    def judge(self, target: Targets, seed: int, labels: Labels = "given") -> Judgements:
        designs = self._designs
        description = "Judging" if labels == "given" else f"Judging by {labels} labels"
        with self._inputs.stage("judging"), progress(f"{description} (repeats)", self._options.judges) as bar:
            return probe_judgements(designs, target, self._groups, self._options, seed, bar.advance)

    def rejudge(self, rows: NDArray[np.int64], target: Targets, seed: int) -> Judgements | None:
        groups, options = self._groups[rows], self._options
        few = replace(
            options,
            num_judges=min(options.judges, RESAMPLED_JUDGES),
            num_folds=min(options.num_folds, len(np.unique(groups))),  # a resample may lack some groups
        )
        return probe_judgements([design.take(rows) for design in self._designs], target[rows], groups, few, seed)

    def structured(self, target: Targets, seed: int, labels: Labels = "given") -> CellNoise | None:
        if not self._options.structured or self._options.crossfit == "none":
            return None
        designs = self._designs
        options = replace(self._options, num_judges=min(self._options.judges, STRUCTURED_JUDGES))
        description = "Judging without length" if labels == "given" else f"Judging without length by {labels} labels"
        with (
            self._inputs.stage("structured_audit"),
            progress(f"{description} (repeats)", 2 * options.judges) as bar,
        ):
            return structured_audit(designs, target, self._structure, options, seed, bar.advance)[1]

    def rivals(self, judged: Judgements, target: Targets, seed: int) -> list[Rival]:
        designs = self._designs
        with self._inputs.stage("rivals"):
            return rival_finders(designs, target, self._groups, self._options, seed)

    def finish(self) -> None:
        pass

    @cached_property
    def _designs(self) -> list[Design]:
        with self._inputs.stage("features"):
            found = pair_features(self._inputs.pairs, self._inputs.model, self._options.feature_dtype)
        self.truncation = found.truncation
        return found.designs

    @cached_property
    def _structure(self) -> PairStructure:
        together = independent_groups(self._inputs.pairs, self._options.fold_by)
        return pair_structure(self._inputs.pairs, self._groups, together)


make_ensemble: MakeEnsemble = ProbeEnsemble


@dataclass(frozen=True)
class PairFeatures:
    """Designs of every candidate, and what was not read."""

    designs: list[Design]
    truncation: Truncation


def pair_features(pairs: pa.Table, options: ModelOptions, dtype: Dtype = "float32") -> PairFeatures:
    """Reads every distinct conversation once (cached) and builds the designs. No label goes into them."""
    source = resolve_model(options.model_name_or_path, options.model_revision)
    encoder = ConversationEncoder(load_tokenizer(source), options.max_length, options.truncation_side)
    config = load_config(source)
    candidates = default_candidates(num_layers(config), is_encoder=not is_decoder(config))
    conversations = list(chain(*pair_conversations(pairs)))
    features = extract_features(source, encoder, conversations, distinct_specs(candidates), options.device, dtype=dtype)
    chosen = np.arange(len(pairs))
    rejected = chosen + len(pairs)
    lengths = np.log1p(np.concatenate(response_lengths(pairs))).astype(np.float32)
    designs = [build_design(c, features.arrays, lengths, chosen, rejected) for c in candidates]
    own = by_category(designs[-1], pairs["category"].to_pylist())
    if own is not None:
        designs.append(own)
    cut = features.num_cut > 0
    share = float((cut[chosen] | cut[rejected]).mean())
    whole = features.num_tokens + features.num_cut
    enough = enough_length(np.maximum(whole[chosen], whole[rejected]))
    return PairFeatures(designs, Truncation(share, options.max_length, enough, position_limit(config)))


def enough_length(num_tokens: NDArray[np.int32]) -> int:
    """A ``max_length`` that leaves all but a twentieth of the pairs whole; ``num_tokens`` [N]: of the longer side."""
    needed = np.quantile(num_tokens, READ_WHOLE, method="inverted_cdf")
    return int(-(-needed // ROUND_TO) * ROUND_TO)
