"""Prompts that the tiny policy writes, with a response each. No text of people goes into the package."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rewardsmith.models.counter_random import number_of
from rewardsmith.preferences.rows.messages import user
from rewardsmith.sampling.drawing import Drawing
from rewardsmith.sampling.local_sampler import LocalSampler
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions
from rewardsmith.sampling.settings import NAMED
from rewardsmith.sampling.token_choice import TokenChoice
from tiny_policy.vocabulary import USER

FEWEST_WORDS, MOST_TOKENS, ROWS_PER_PASS = 3, 33, 128


def draw_exchanges(model: Any, tokenizer: Any, known: Iterable[str], num: int, seed: int) -> list[dict[str, str]]:
    """Distinct prompts that ended by themselves, none of them ``known`` word for word, with a response each."""
    taken = {_plain(tokenizer, text) for text in known}
    prompts: list[str] = []
    ends = frozenset([tokenizer.eos_token_id])
    drawing = Drawing(model, TokenChoice(NAMED["policy"]), ends, tokenizer.pad_token_id, MOST_TOKENS, bf16=False)
    start = tokenizer.convert_tokens_to_ids([USER])
    for batch in range(10 * num // ROWS_PER_PASS):
        seeds = [number_of("prompt", seed, batch, row) for row in range(ROWS_PER_PASS)]
        for drawn in drawing.draw([start] * ROWS_PER_PASS, seeds):
            text = tokenizer.decode(drawn.ids[:-1]).strip()
            if drawn.ended and len(text.split()) >= FEWEST_WORDS and text.isprintable() and text not in taken:
                taken.add(text)
                prompts.append(text)
        if len(prompts) >= num:
            break
    how, where = SamplingOptions(max_new_tokens=MOST_TOKENS), LocalSamplingOptions(device="cpu")
    sampler = LocalSampler(model, tokenizer, how, where)
    answers = sampler.sample([[user(prompt)] for prompt in prompts[:num]], 1, seed)
    return [
        {"prompt": prompt, "response": answer.samples[0].response["content"].strip()}
        for prompt, answer in zip(prompts, answers, strict=False)
    ]


def write(rows: list[dict[str, str]], path: Path) -> None:
    """Gzipped JSON Lines of reproducible bytes: no time, no file name."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, packed, mtime=0) as file:
        file.write(text.encode("utf-8"))
    path.write_bytes(packed.getvalue())


def _plain(tokenizer: Any, text: str) -> str:
    """As the policy would write it."""
    return str(tokenizer.decode(tokenizer(text)["input_ids"])).strip()
