"""Which prompts and which of their responses make the meta batch of an optimiser step: a function of seed and step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from rewardsmith.engine.batches.batch_forms import DEFAULT_MAX_TOKENS, BatchForm
from rewardsmith.engine.batches.encoded_pairs import Indices
from rewardsmith.engine.batches.sample_batches import EncodedSamples, SampleBatch, collate_samples
from rewardsmith.engine.batches.shares import share_of
from rewardsmith.errors import DataError


class SampleSource:
    """Meta batches as micro-batches of one process, without end: pass after pass over the prompts, shuffled anew.

    ``num_samples`` (k) responses are read of each prompt, drawn at each pass where it has more; one with fewer is left
    out. A prompt's responses are in one micro-batch, and as many prompts as fit ``max_tokens``.

    Raises ``DataError`` where no prompt has k responses, or k of one alone are longer than ``max_tokens``.
    """

    def __init__(
        self,
        samples: EncodedSamples,
        form: BatchForm,
        *,
        prompts_per_step: int,
        num_samples: int,
        seed: int,
        max_tokens: int | None = None,
        usual_tokens: int = DEFAULT_MAX_TOKENS,
        process: int = 0,
        num_processes: int = 1,
    ) -> None:
        self.samples, self.num_samples = samples, num_samples
        self._form, self._seed = form, seed
        self._process, self._num_processes = process, num_processes
        self._prompts = np.flatnonzero(samples.num_responses >= num_samples)
        if not len(self._prompts):
            raise DataError(
                f"`meta_samples` {num_samples}: none of the {len(samples):,} prompts has so many responses; the most "
                f"is {samples.num_responses.max(initial=0)}."
            )
        self.num_left_out = len(samples) - len(self._prompts)
        self.prompts_per_step = min(prompts_per_step, len(self._prompts))
        self._max_tokens = self._token_budget(max_tokens, usual_tokens)

    def batches(self, step: int) -> list[SampleBatch]:
        """The micro-batches of the step after the first ``step`` ones; every process gets as many."""
        prompts, drawn = self._drawn(step)
        units = [self.samples.encoded(responses) for responses in drawn]
        parts = self._form.plan(units, self._max_tokens)
        return [
            collate_samples(self.samples, prompts[i], drawn[i], len(prompts), self._form, counts)
            for i, counts in share_of(self._process, self._num_processes, parts)
        ]

    def names(self, batch: SampleBatch, which: Tensor | None = None) -> list[str]:
        """Prompts of a batch, for an error."""
        indices = batch.indices if which is None else batch.indices[which.cpu().numpy()]
        return [f"meta prompt {self.samples.name(i)}" for i in indices.tolist()]

    def _drawn(self, step: int) -> tuple[Indices, Indices]:
        """Prompts [m] of a step, and their responses [m, k]; a step may end one pass and begin the next."""
        first = step * self.prompts_per_step
        passes, places = np.divmod(np.arange(first, first + self.prompts_per_step), len(self._prompts))
        orders = {number: self._order(number) for number in set(passes.tolist())}
        prompts = np.array([orders[n][place] for n, place in zip(passes.tolist(), places, strict=True)])
        drawn = [self._responses(int(p), n) for p, n in zip(prompts, passes.tolist(), strict=True)]
        return prompts, np.stack(drawn)

    def _order(self, number: int) -> Indices:
        return np.random.default_rng([self._seed, number]).permutation(self._prompts)

    def _responses(self, prompt: int, number: int) -> Indices:
        """k of a prompt, in their order."""
        begin, end = self.samples.begin[prompt], self.samples.begin[prompt + 1]
        if end - begin == self.num_samples:
            return np.arange(begin, end)
        rng = np.random.default_rng([self._seed, number, prompt])
        return np.sort(rng.choice(np.arange(begin, end), self.num_samples, replace=False))

    def _token_budget(self, asked: int | None, usual: int) -> int:
        """Tokens that a batch may have; at least those of the prompt whose k longest responses are the longest."""
        sizes = [self._form.num_tokens(self.samples.encoded(self._longest(int(p)))) for p in self._prompts]
        largest = max(sizes)
        if asked is None or asked >= largest:
            return asked or max(usual, largest)
        raise DataError(
            f"`max_tokens_per_batch` {asked} is too few: {self.num_samples} responses to the meta prompt in "
            f"{self.samples.name(int(self._prompts[int(np.argmax(sizes))]))} take {largest} tokens alone. Raise it, or "
            "lower `max_length` or `meta_samples`."
        )

    def _longest(self, prompt: int) -> Sequence[int]:
        responses = range(self.samples.begin[prompt], self.samples.begin[prompt + 1])
        return sorted(responses, key=lambda i: -self.samples.responses.lengths[i])[: self.num_samples]
