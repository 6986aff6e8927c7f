"""Where the heads of trained members begin: at the best linear head on the frozen model, not at random weights.

Fine-tuning from a random head first distorts what the model knows, to serve a head that knows nothing (Kumar et al.,
arXiv 2202.10054); members that begin at a fitted head spend their few steps on more than finding it. Each head is
fitted on the member's own pairs and weights, and its penalty is chosen inside them, so no member starts with
anything of the labels that it will judge.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.engine.features.extraction import Dtype, extract_features
from rewardsmith.models.feature_spec import FeatureSpec
from rewardsmith.models.layers.blocks import num_layers
from rewardsmith.models.layers.heads import has_score_head, head_inputs
from rewardsmith.models.loading.embedded import ModelSource
from rewardsmith.objectives.preference import preference_loss
from rewardsmith.preferences.pairs.conversations import pair_conversations
from rewardsmith.strength.ensembles.logistic import fit_heads, principal_axes
from rewardsmith.strength.ensembles.probe import L2_GRID
from rewardsmith.tokens.encoding import ConversationEncoder

MAX_DIMENSIONS = 320


def probed_heads(
    model: Any,
    source: ModelSource,
    encoder: ConversationEncoder,
    pairs: pa.Table,
    target: NDArray[np.float32],
    weights: NDArray[np.float32],
    groups: NDArray[np.int64],
    seed: int,
    device: str = "auto",
    dtype: Dtype = "float32",
) -> Float[Tensor, "M D"] | None:
    """A head for each member, for what the reward's linear layer reads; None for a model whose heads read otherwise.

    ``target`` [N], ``weights`` [N, M] (0: not the member's), ``groups`` [N]. Features are cached.
    """
    spec = FeatureSpec(num_layers(model.config), "last" if has_score_head(model) else "cls")
    both = [*chain.from_iterable(pair_conversations(pairs))]
    features = extract_features(source, encoder, both, [spec], device, dtype=dtype)
    read = head_inputs(model, torch.from_numpy(features.arrays[spec].astype(np.float32)))
    if read is None:
        return None
    chosen, rejected = read.chunk(2)
    return fit_member_heads(chosen - rejected, torch.tensor(target), torch.tensor(weights), groups, seed)


def fit_member_heads(
    differences: Float[Tensor, "N D"],
    target: Float[Tensor, " N"] | Float[Tensor, "N M"],
    weights: Float[Tensor, "N M"],
    groups: NDArray[np.int64],
    seed: int,
    margin: Float[Tensor, "N M"] | None = None,
) -> Float[Tensor, "M D"]:
    """Logistic heads on differences, each with the penalty that predicts best from one half of its groups to the other.

    The halves are those of ``seed``, the same for all members, who share targets [N] or have their own. No ``margin``
    is a margin of 0.
    """
    targets = target[:, None].expand_as(weights) if target.ndim == 1 else target
    margins = torch.zeros_like(weights) if margin is None else margin
    norm = differences.square().sum(1).mean().sqrt().clamp(min=1e-12)
    axes = principal_axes(differences / norm, MAX_DIMENSIONS)
    rows = differences / norm @ axes
    half = np.random.default_rng(seed).integers(0, 2, int(groups.max()) + 1)[groups]
    first = torch.from_numpy(half == 0)[:, None]
    likelihood = []
    heads: Tensor | None = None
    for l2 in reversed(L2_GRID):
        both = torch.cat([weights * first, weights * ~first], dim=1)
        penalty = torch.full((both.shape[1],), l2)
        heads = fit_heads(rows, targets.repeat(1, 2), both, penalty, heads, margin=margins.repeat(1, 2))
        fit = -preference_loss(rows @ heads.T, targets.repeat(1, 2), margins.repeat(1, 2))
        other = torch.cat([weights * ~first, weights * first], dim=1)
        likelihood.append((fit * other).sum(0).view(2, -1).sum(0))
    best = torch.stack(likelihood).argmax(0)
    penalties = torch.tensor(L2_GRID[::-1])[best]
    return fit_heads(rows, targets, weights, penalties, margin=margins) @ axes.T / norm
