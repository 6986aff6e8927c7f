"""A micro-batch of pairs: their conversations as a model reads them, and what is learned from each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from rewardsmith.engine.batches.batch_forms import BatchForm
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs, Indices
from rewardsmith.engine.batches.model_inputs import ModelInputs


@dataclass(frozen=True)
class PairBatch:
    """One micro-batch: all chosen conversations, view by view, then the rejected ones in the same order."""

    inputs: ModelInputs
    """What the model is called with."""
    target: Float[Tensor, " B"]
    margin: Float[Tensor, " B"]
    weight: Float[Tensor, "*members B"]
    total_weight: float
    """Weight of the whole optimiser step, by which its loss is normalised."""
    indices: Indices
    """Positions in the ``EncodedPairs``."""
    num_views: int = 1
    """V: how often the model reads each conversation, each time with other dropout."""

    def by_pair(self, values: Shaped[Tensor, "N ..."]) -> Shaped[Tensor, "2 V B ..."]:
        """What the model gives for the conversations: chosen and rejected, view by view."""
        return values.view(2, self.num_views, len(self.indices), *values.shape[1:])

    def to(self, device: torch.device | str) -> PairBatch:
        return replace(
            self,
            inputs=self.inputs.to(device),
            target=self.target.to(device),
            margin=self.margin.to(device),
            weight=self.weight.to(device),
        )


def collate_pairs(
    pairs: EncodedPairs, indices: Sequence[int] | Indices, total_weight: float, form: BatchForm, num_views: int = 1
) -> PairBatch:
    """One micro-batch of the pairs at these positions."""
    indices = np.asarray(indices, dtype=np.int64)
    encoded = [
        replace(store.encoded(int(i)), view=view)
        for store in (pairs.chosen, pairs.rejected)
        for view in range(num_views)
        for i in indices
    ]
    return PairBatch(
        inputs=form.inputs(encoded),
        target=torch.from_numpy(pairs.target[indices]),
        margin=torch.from_numpy(pairs.margin[indices]),
        weight=torch.from_numpy(pairs.weight[indices]),
        total_weight=total_weight,
        indices=indices,
        num_views=num_views,
    )
