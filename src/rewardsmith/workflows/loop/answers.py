"""What a policy answers to prompts, as a file of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.contracts.conversations import Conversation, with_fields
from rewardsmith.policy.rounds.round_samples import RoundSamples
from rewardsmith.preferences.pairs.identity import prompt_id
from rewardsmith.sampling.local_sampler import load_local_sampler
from rewardsmith.workflows.loop.costs import Spent
from rewardsmith.workflows.loop.loop import Loop

Floats = NDArray[np.float64]
Row = dict[str, Any]


def answer(loop: Loop, policy: str, prompts: Sequence[Conversation], seed: int) -> tuple[list[Row], int]:
    """A row of samples for each prompt, with gold where there is any; and the number of tokens written."""
    config = loop.config
    with closing(load_local_sampler(policy, None, config.policy.sampling, config.sampling_here, False)) as sampler:
        answers = sampler.sample(prompts, config.rounds.shift_samples, seed)
        about = {"policy": sampler.fingerprint, "on_policy": sampler.on_policy, "seed": seed}
    rows = [
        {
            "row": number,
            "prompt_id": prompt_id(prompt),
            "prompt": [with_fields(message) for message in prompt],
            "responses": [one.response["content"] for one in own.samples],
            "finish_reason": [one.finish_reason for one in own.samples],
            "logprob": [one.logprob for one in own.samples],
            **about,
        }
        for number, (prompt, own) in enumerate(zip(prompts, answers, strict=True))
    ]
    if loop.setting.gold is not None:
        gold = loop.setting.gold.score(RoundSamples.of_rows(rows).conversations).rewards
        rows = with_column(rows, "gold", gold.reshape(len(rows), -1))
    return rows, sum(one.num_tokens or 0 for own in answers for one in own.samples)


def with_column(rows: Sequence[Row], name: str, values: NDArray[Any]) -> list[Row]:
    """The rows with a list of numbers in each, of values [P, k]."""
    return [row | {name: own.tolist()} for row, own in zip(rows, values, strict=True)]


def sample(loop: Loop, number: int) -> Spent:
    """The responses with which a round begins."""
    rows, num_tokens = answer(loop, loop.policy(number - 1), loop.shift_prompts, loop.seed(number))
    write_jsonl(loop.files.round(number).samples, rows)
    return Spent(num_tokens)


def column_of(rows: Sequence[Mapping[str, Any]], name: str) -> Floats | None:
    """The numbers [P, k] of a column; None where there is no such column."""
    return np.array([row[name] for row in rows], dtype=np.float64) if name in rows[0] else None
