"""What a frozen trunk makes of every conversation of a set, computed once for many trainings above the same fork."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.engine.batches.batch_forms import DEFAULT_MAX_TOKENS, PaddedForm
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs
from rewardsmith.engine.features.hidden_states import read_layers
from rewardsmith.engine.members.forked_batches import KEPT_BYTES, ForkedBatch
from rewardsmith.models.layers.blocks import num_layers
from rewardsmith.models.layers.heads import has_score_head, head_inputs
from rewardsmith.preferences.pairs.conversations import distinct
from rewardsmith.tokens.batching import length_sorted_batches
from rewardsmith.tokens.encoding import Encoded


class TrunkStates:
    """States that enter block ``layer`` of a reward model that is not forked yet, and what its head reads.

    For padded batches. States take the place of what the batch would give, where ``max_bytes`` are enough for all; a
    batch's padding gets those of the last token, which nothing attends to.
    """

    def __init__(
        self,
        model: Any,
        pairs: EncodedPairs,
        form: PaddedForm,
        layer: int,
        device: torch.device,
        max_bytes: int = KEPT_BYTES,
    ) -> None:
        both = chain.from_iterable(pairs.both(i) for i in range(len(pairs)))
        unique, position = distinct(both, key=tokens_of)
        self._conversations = position.reshape(-1, 2)
        self._lengths = np.array([len(item.input_ids) for item in unique], dtype=np.int64)
        batches = length_sorted_batches(self._lengths, DEFAULT_MAX_TOKENS)
        order = np.concatenate(batches)
        self._begins = np.empty_like(self._lengths)
        self._begins[order] = np.cumsum(self._lengths[order]) - self._lengths[order]
        width, total = int(model.config.get_text_config().hidden_size), int(self._lengths.sum())
        self._states = torch.empty(total, width, device=device) if 4 * total * width <= max_bytes else None
        self._ends = torch.empty(len(unique), width, device=device)
        self._model = model
        model.to(device)
        for batch in batches:
            self._compute(form.inputs([unique[i] for i in batch]).tensors, batch, layer, device)

    @property
    def head_rows(self) -> Float[Tensor, "N D"] | None:
        """What the reward's linear layer reads of chosen, less what it reads of rejected; None for heads that read
        otherwise."""
        read = head_inputs(self._model, self._ends)
        if read is None:
            return None
        chosen, rejected = torch.from_numpy(self._conversations).T
        return read[chosen] - read[rejected]

    def keep(self, batch: ForkedBatch, states: Tensor) -> None:
        """Nothing: what there is room for is there."""

    def take(self, batch: ForkedBatch) -> Float[Tensor, "R T D"] | None:
        """States of a padded batch; None where there was no room for the set's."""
        if self._states is None:
            return None
        rows = self._conversations[batch.indices].T.ravel()
        begins, lengths = self._begins[rows, None], self._lengths[rows, None]
        places = begins + np.minimum(np.arange(lengths.max()), lengths - 1)
        return self._states[torch.from_numpy(places).to(self._states.device)]

    def _compute(self, tensors: dict[str, Tensor], batch: NDArray[np.int64], layer: int, device: torch.device) -> None:
        arguments = {name: tensor.to(device) for name, tensor in tensors.items()}
        real = arguments["attention_mask"].bool()
        begin, top = int(self._begins[batch[0]]), num_layers(self._model.config)

        def lay_down(read: int, hidden: Tensor) -> None:
            if read == layer and self._states is not None:
                found = hidden[real]
                self._states[begin : begin + len(found)] = found
            if read == top:
                at_end = has_score_head(self._model)
                ends = real.sum(1) - 1 if at_end else torch.zeros_like(real.sum(1))
                self._ends[torch.from_numpy(batch).to(device)] = hidden[torch.arange(len(ends), device=device), ends]

        read_layers(getattr(self._model, self._model.base_model_prefix), arguments, (layer, top), lay_down)


def tokens_of(item: Encoded) -> tuple[int, bytes]:
    """Equal for equal conversations, and small."""
    return item.response_start, np.asarray(item.input_ids, dtype=np.int32).tobytes()
