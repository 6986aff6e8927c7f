"""What a policy answers to prompts, as a file of samples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from rewardsmith.artifacts.atomic import write_jsonl
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.contracts.tables import SAMPLES
from rewardsmith.preferences.identity import prompt_id
from rewardsmith.preferences.messages import assistant
from rewardsmith.sampling.local_sampler import load_local_sampler
from rewardsmith.workflows.iterate_options import IterateConfig


def answer(
    config: IterateConfig,
    policy: str,
    prompts: Sequence[Conversation],
    gold: Scorer | None,
    seed: int,
    path: Path,
) -> int:
    """Writes ``shift_samples`` responses to each prompt; gives the number of tokens written."""
    with closing(load_local_sampler(policy, None, config.policy.sampling, config.sampling_here, False)) as sampler:
        answers = sampler.sample(prompts, config.rounds.shift_samples, seed)
        about = {"policy": sampler.fingerprint, "on_policy": sampler.on_policy, "seed": seed}
    golds = None
    if gold is not None:
        talks = [[*prompt, one.response] for prompt, own in zip(prompts, answers, strict=True) for one in own.samples]
        golds = iter(gold.score(talks).rewards.tolist())
    rows = []
    for number, (prompt, own) in enumerate(zip(prompts, answers, strict=True)):
        rows.append(
            {
                "row": number,
                "prompt_id": prompt_id(prompt),
                "prompt": [dict(message) for message in prompt],
                "responses": [one.response["content"] for one in own.samples],
                "finish_reason": [one.finish_reason for one in own.samples],
                "logprob": [one.logprob for one in own.samples],
                "gold": None if golds is None else [next(golds) for _ in own.samples],
                **about,
            }
        )
    write_jsonl(path, rows)
    return sum(one.num_tokens or 0 for own in answers for one in own.samples)


def read_answers(path: Path) -> pa.Table:
    """The samples (``SAMPLES``), empty responses too."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["responses"] = [[assistant(text)] for text in row["responses"]]
    return pa.Table.from_pylist(rows, schema=SAMPLES)
