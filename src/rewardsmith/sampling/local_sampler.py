"""A policy that runs here: like lengths together, seeded by prompt and response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.terminal.progress import progress
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.sampler import Answers, Sample
from rewardsmith.engine.hardware.devices import bf16_pays, choose_device, use_all_cores
from rewardsmith.engine.scoring.local_scorer import state_fingerprint
from rewardsmith.errors import ConfigError
from rewardsmith.models.counter_random import number_of
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.files import weights_fingerprint
from rewardsmith.models.loading.policies import load_policy
from rewardsmith.models.loading.positions import position_limit
from rewardsmith.preferences.pairs.identity import prompt_id
from rewardsmith.preferences.rows.messages import assistant
from rewardsmith.sampling.drawing import Drawing, Drawn
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions
from rewardsmith.sampling.token_choice import TokenChoice
from rewardsmith.tokens.encoding import MIN_MAX_LENGTH, ConversationEncoder, tokenizer_state
from rewardsmith.tokens.turns import ANSWER, encode_prompts, end_tokens, response_text


class LocalSampler:
    """Responses of a causal language model.

    In float32 on a CPU, tokens do not depend on order, batch and padding: only rounding does, and it could decide
    between two candidates no further apart than it.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        how: SamplingOptions,
        where: LocalSamplingOptions,
        weights: str | None = None,
        quiet: bool = True,
    ) -> None:
        settings = how.settings()
        _check_lengths(model, how, where)
        device = choose_device(where.device)
        self.on_policy = settings.on_policy
        self._tokenizer, self._where, self._quiet, self._weights = tokenizer, where, quiet, weights
        self._drawing = Drawing(
            model=model.to(device).eval(),
            choice=TokenChoice(settings),
            ends=end_tokens(tokenizer),
            pad_id=tokenizer.pad_token_id,
            max_new_tokens=how.max_new_tokens,
            bf16=bf16_pays(device, where.bf16),
        )

    @property
    def fingerprint(self) -> str:
        """Of weights, tokenizer and template."""
        if self._weights is None:
            self._weights = state_fingerprint(self._drawing.model)
        return fingerprint_json([self._weights, tokenizer_state(self._tokenizer)])

    def sample(self, prompts: Sequence[Conversation], num_samples: int, seed: int) -> list[Answers]:
        """So many responses to each prompt; one that the chat template refuses has none, and the reason."""
        use_all_cores()
        refused = self._refusals(prompts)
        taken = [i for i in range(len(prompts)) if i not in refused]
        encoded = encode_prompts(self._tokenizer, [prompts[i] for i in taken], self._where.max_prompt_length)
        names = [prompt_id(prompts[i]) for i in taken]
        drawn = self._drawn(
            [one.input_ids for one in encoded for _ in range(num_samples)],
            [number_of("response", seed, name, number) for name in names for number in range(num_samples)],
        )
        answers = {i: Answers([], problem=problem) for i, problem in refused.items()}
        for place, (i, one) in enumerate(zip(taken, encoded, strict=True)):
            own = drawn[place * num_samples : (place + 1) * num_samples]
            answers[i] = Answers([self._sample(response) for response in own], one.num_cut)
        return [answers[i] for i in range(len(prompts))]

    def close(self) -> None:
        """Lets the model go; it is freed unless somebody else holds it."""
        del self._drawing

    def _refusals(self, prompts: Sequence[Conversation]) -> dict[int, str]:
        encoder = ConversationEncoder(self._tokenizer, self._where.max_prompt_length)
        return encoder.refusals([[*prompt, ANSWER] for prompt in prompts])

    def _drawn(self, prompts: list[list[int]], seeds: list[int]) -> list[Drawn]:
        """A response to each prompt, in order."""
        drawn: dict[int, Drawn] = {}
        with progress("Sampling responses", len(prompts), self._quiet) as bar:
            for batch in self._drawing.batches(prompts, self._where.max_tokens_per_batch):
                found = self._drawing.draw([prompts[i] for i in batch], [seeds[i] for i in batch])
                drawn.update(zip(batch.tolist(), found, strict=True))
                bar.advance(len(batch))
        return [drawn[i] for i in range(len(prompts))]

    def _sample(self, drawn: Drawn) -> Sample:
        written = drawn.ids[:-1] if drawn.ended else drawn.ids
        reason = "stop" if drawn.ended else "length"
        return Sample(assistant(response_text(self._tokenizer, written)), reason, sum(drawn.logprobs), len(drawn.ids))


def load_local_sampler(
    path: str, revision: str | None, how: SamplingOptions, where: LocalSamplingOptions, quiet: bool = True
) -> LocalSampler:
    """The sampler of a folder, Hub id or embedded model; adapters are merged."""
    source = resolve_model(path, revision)
    model, tokenizer = load_policy(source)
    return LocalSampler(model, tokenizer, how, where, weights_fingerprint(source), quiet)


def _check_lengths(model: Any, how: SamplingOptions, where: LocalSamplingOptions) -> None:
    limit, wanted = position_limit(model.config), where.max_prompt_length + how.max_new_tokens
    if where.max_prompt_length < MIN_MAX_LENGTH:
        raise ConfigError(f"`max_prompt_length` {where.max_prompt_length} must be at least {MIN_MAX_LENGTH}.")
    if where.max_tokens_per_batch < 1:
        raise ConfigError(f"`max_tokens_per_batch` {where.max_tokens_per_batch} must be at least 1.")
    if limit is not None and wanted > limit:
        raise ConfigError(
            f"`max_prompt_length` {where.max_prompt_length} and `max_new_tokens` {how.max_new_tokens} make {wanted} "
            f"tokens; the policy reads {limit}. Lower one of them."
        )
