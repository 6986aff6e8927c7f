"""Iterative data smoothing (arXiv 2401.16335) in the training loop: every pair has a label that follows the model.

A pair is learned with its label y as it stands; then the label moves towards what the model said before that step:

    y <- (1 - beta) * y + beta * sigmoid(gap - margin)

and is met again in the next pass. The margin is in it because it is in the loss: with sigmoid(gap) alone, label and gap
would chase each other for ever where a margin is not 0.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.engine.batches.encoded_pairs import EncodedPairs
from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.training.corrections.correction import Correction, Seen

STATE = "smoothed_target"
SMOOTHED_LABELS = "smoothed_labels.parquet"
"""Where the labels of a run ended, for a reader."""


class DataSmoothing(Correction):
    """Labels of all pairs of a run; ``target`` [N] are those that it begins with. ``beta`` is in [0, 1]."""

    metric = "label_change"
    """Mean distance of the labels learned from to those given."""

    def __init__(self, target: NDArray[np.float32], beta: float) -> None:
        self._labels = torch.tensor(target)
        self._next, self._moved = self._labels.clone(), torch.zeros(len(target), dtype=torch.bool)
        self._beta = beta

    def relabelled(self, pairs: EncodedPairs) -> EncodedPairs:
        """The pairs with their labels as they stand."""
        return replace(pairs, target=self._labels.cpu().numpy())

    def apply(self, batch: PairBatch, seen: Seen) -> PairBatch:
        """The batch with labels as they stand."""
        self._to(batch.target.device)
        return replace(batch, target=self._labels[self._positions(batch)])

    def observe(self, given: PairBatch, learned: PairBatch, seen: Seen) -> Tensor:
        """Lays down where the labels of the pairs move to; copies of weight 0 are another process's to move."""
        counts, positions = learned.weight > 0, self._positions(learned)
        predicted = torch.sigmoid(seen.gap - learned.margin)
        self._next[positions] = torch.where(
            counts, torch.lerp(learned.target, predicted, self._beta), self._next[positions]
        )
        self._moved[positions] |= counts
        return ((learned.target - given.target).abs() * counts).sum()

    def finish(self, accelerator: Accelerator) -> None:
        """The labels move, those of all processes. A pair is met by one of them in a step, so nothing is rounded."""
        moved = self._moved.to(self._labels)
        both = torch.stack([moved, torch.where(self._moved, self._next, 0.0)])
        total = accelerator.reduce(both, reduction="sum")
        self._labels = torch.where(total[0] > 0, total[1], self._labels)
        self._moved.zero_()

    def state(self) -> dict[str, Tensor]:
        """The labels, in the order of the run's pairs."""
        return {STATE: self._labels.cpu()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on with the labels of a checkpoint."""
        self._labels = tensors[STATE].to(self._labels.device, copy=True)

    def _to(self, device: torch.device) -> None:
        self._labels, self._next, self._moved = (own.to(device) for own in (self._labels, self._next, self._moved))

    def _positions(self, batch: PairBatch) -> Tensor:
        return torch.from_numpy(batch.indices).to(self._labels.device)


def smoothed_labels(pairs: pa.Table, learned: EncodedPairs) -> pa.Table:
    """``pair_id``, ``row``, ``target_given`` and ``target`` of every pair that was trained on, in input order."""
    trained = pairs.filter(pc.is_in(pairs["pair_id"], pa.array(learned.pair_id)))
    columns = {"pair_id": trained["pair_id"], "row": trained["row"], "target_given": trained["target"]}
    return pa.table({**columns, "target": pa.array(learned.target, pa.float32())})
