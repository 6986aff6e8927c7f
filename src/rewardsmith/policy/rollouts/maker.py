"""Making a roll-out: the policy draws, the reward model judges, critic and reference read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from jaxtyping import Float, Int
from torch import Tensor

from rewardsmith.engine.training.accelerators import computes_in_bf16
from rewardsmith.models.counter_random import number_of
from rewardsmith.policy.networks.actor_critic import response_logprobs
from rewardsmith.policy.networks.reference import Reference
from rewardsmith.policy.networks.sequences import Sequences
from rewardsmith.policy.options import PolicyOptions
from rewardsmith.policy.rollouts.prompt_set import PromptSet, Tokens
from rewardsmith.policy.rollouts.rewards import RewardRule, Scored
from rewardsmith.policy.rollouts.rollout import Rollout, with_advantages
from rewardsmith.sampling.drawing import Drawing
from rewardsmith.sampling.token_choice import TokenChoice

NO_TOKEN = -1


class RolloutMaker:
    """Makes each roll-out from its number, the weights and the seed alone. Processes share the work and the result."""

    def __init__(
        self,
        prompts: PromptSet,
        rule: RewardRule,
        reference: Reference,
        options: PolicyOptions,
        accelerator: Accelerator,
        seed: int,
    ) -> None:
        self.prompts = prompts
        self.reference = reference
        self.rule, self._options, self._how = rule, options, options.rollouts
        self._accelerator, self._seed = accelerator, seed
        self._choice = TokenChoice(options.sampling.settings())

    @torch.no_grad()
    def make(self, model: Any, number: int, kl_coef: float) -> Rollout:
        """``model``: an ``ActorCritic`` in evaluation mode."""
        k = self._how.num_samples
        asked = self._places(number)
        places = asked.repeat_interleave(k)
        responses, scored = self._answered(
            model.policy, places, [number_of("response", self._seed, number, row) for row in range(len(places))]
        )
        reference_scores = None
        if self.rule.needs_reference:
            seeds = [number_of("reference", self._seed, place) for place in asked.tolist()]  # whenever a prompt comes
            with self.reference.opened() as reference:
                reference_scores = self._answered(reference, asked, seeds)[1].scores.repeat_interleave(k)
        return self.of_responses(model, places, responses, scored, kl_coef, reference_scores)

    @torch.no_grad()
    def of_responses(
        self,
        model: Any,
        places: Int[Tensor, " N"],
        responses: Sequence[Tokens],
        scored: Scored,
        kl_coef: float,
        reference_scores: Float[Tensor, " N"] | None = None,
    ) -> Rollout:
        """From responses that were drawn and judged, those to one prompt behind each other."""
        k, scores = self._how.num_samples, scored.scores
        sequences = Sequences.of([self.prompts.tokens[place] for place in places], responses, self.prompts.pad_id)
        ended = torch.tensor([response[-1] in self.prompts.ends for response in responses])
        logprobs, ref_logprobs, values = self._read(model, sequences)
        rollout = Rollout(
            sequences=sequences,
            places=places,
            ended=ended,
            logprobs=logprobs,
            ref_logprobs=ref_logprobs,
            values=values,
            scores=scores,
            disagreement=scored.disagreement,
            spread=scores.view(-1, k).std(1, correction=0).repeat_interleave(k),
            gold=scored.gold,
            rewards=self.rule.rewards(scores, reference_scores, ended),
            kl_coef=torch.tensor(kl_coef),
            advantages=torch.zeros_like(values),
            returns=torch.zeros_like(values),
        )
        return with_advantages(rollout, k, self._options.ppo)

    def _places(self, number: int) -> Int[Tensor, " P"]:
        """Prompts of a roll-out: all in a random order, then all in another one, and so on."""
        num, total = self._how.prompts_per_rollout, len(self.prompts.tokens)
        begin, end = number * num, (number + 1) * num
        first, last = begin // total, (end - 1) // total
        orders = [permutation(total, "prompts", self._seed, epoch) for epoch in range(first, last + 1)]
        return torch.cat(orders)[begin - first * total : end - first * total]

    def _answered(self, policy: Any, places: Int[Tensor, " N"], seeds: Sequence[int]) -> tuple[list[Tokens], Scored]:
        """Responses to these prompts, and what is thought of them."""
        mine = self._mine(len(places)).tolist()
        asked = [int(places[row]) for row in mine]
        drawn = self._drawn(policy, [self.prompts.tokens[place] for place in asked], [seeds[row] for row in mine])
        scored = self.rule.score(list(map(self.prompts.answered, asked, drawn)))
        tokens = torch.full((len(mine), self._options.sampling.max_new_tokens), NO_TOKEN)
        for row, response in enumerate(drawn):
            tokens[row, : len(response)] = torch.tensor(response)
        responses = [row[row != NO_TOKEN].tolist() for row in self._shared(tokens, len(places))]
        return responses, Scored(*(self._shared(part, len(places)) for part in scored))

    def _drawn(self, policy: Any, prompts: Sequence[Tokens], seeds: Sequence[int]) -> list[Tokens]:
        """A response to each prompt, with the token that ended it."""
        longest = self._options.sampling.max_new_tokens
        bf16 = computes_in_bf16(self._accelerator)
        drawing = Drawing(policy, self._choice, self.prompts.ends, self.prompts.pad_id, longest, bf16)
        responses: dict[int, Tokens] = {}
        for rows in drawing.batches(prompts, self._how.rollout_max_tokens):
            drawn = drawing.draw([prompts[row] for row in rows], [seeds[row] for row in rows])
            responses |= {row: one.ids for row, one in zip(rows.tolist(), drawn, strict=True)}
        return [responses[row] for row in range(len(prompts))]

    def _read(
        self, model: Any, sequences: Sequences
    ) -> tuple[Float[Tensor, "N R"], Float[Tensor, "N R"], Float[Tensor, "N R"]]:
        """Log-probabilities by policy and reference, and values (0 without a critic); 0 behind a response."""
        num = len(sequences.responses)
        mine = self._mine(num)
        read = torch.zeros(3, len(mine), sequences.num_columns)
        per_pass = max(1, self._how.rollout_max_tokens // sequences.input_ids.shape[1])
        for begin in range(0, len(mine), per_pass):
            rows = slice(begin, begin + per_pass)
            some = sequences.rows(mine[rows]).to(self._accelerator.device)
            output = model(some)
            with self.reference.opened() as reference, self._accelerator.autocast():
                ref_logprobs = response_logprobs(reference, some)
            values = torch.zeros_like(ref_logprobs) if output.values is None else output.values
            found = torch.stack([output.logprobs, ref_logprobs, values]).where(some.response_mask, 0.0)
            read[:, rows, : some.num_columns] = found.cpu()
        logprobs, ref_logprobs, values = (self._shared(part, num) for part in read)
        return logprobs, ref_logprobs, values

    def _mine(self, num: int) -> Int[Tensor, " n"]:
        """Rows that this process works on."""
        return torch.arange(self._accelerator.process_index, num, self._accelerator.num_processes)

    def _shared(self, own: Tensor, num: int) -> Tensor:
        """The rows of all processes."""
        if self._accelerator.num_processes == 1:
            return own
        whole = torch.zeros(num, *own.shape[1:], dtype=own.dtype)
        whole[self._mine(num)] = own
        summed: Tensor = self._accelerator.reduce(whole.to(self._accelerator.device), reduction="sum").cpu()
        return summed


def permutation(num: int, *purpose: str | int) -> Int[Tensor, " {num}"]:
    """A random order that is a function of what it is for."""
    generator = torch.Generator().manual_seed(number_of(*purpose) % 2**63)
    return torch.randperm(num, generator=generator)
