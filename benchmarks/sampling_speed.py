"""How fast are responses drawn, beside `generate` of transformers?

Question   Tokens a second of processor time, several responses to each prompt, at temperature 1, by the same model in
           float32. `generate` reads a prompt once for each of its responses, and computes a response until the last
           of its batch has ended.
Workload   Prompts of `embedded/dialogues`; both sides take the same rows together, prompts of like length, padded on
           the left. Sides take turns in one process, and so does the one that begins; every repeat has another seed.
Ceiling    The ratio of the tokens that go through the model for each that is written.
Command    OMP_NUM_THREADS=1 python benchmarks/sampling_speed.py --model embedded/smollm2-135m
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch

from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.hardware.devices import use_all_cores
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy
from rewardsmith.preferences.options import PromptOptions
from rewardsmith.preferences.pairs.identity import prompt_id
from rewardsmith.preferences.unlabelled.prompt_rows import stream_prompts
from rewardsmith.sampling.drawing import left_padded
from rewardsmith.sampling.local_sampler import LocalSampler
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions
from rewardsmith.tokens.batching import length_sorted_batches
from rewardsmith.tokens.turns import encode_prompts, end_tokens

Draw = Callable[[int], tuple[int, int]]
"""Seed -> tokens written in responses, and tokens that went through the model."""


def distinct_prompts(number: int) -> list[Conversation]:
    """The first of the set."""
    rows = stream_prompts("embedded/dialogues", PromptOptions()).rows
    return list(islice({prompt_id(row.prompt): row.prompt for row in rows}.values(), number))


def ours(model: Any, tokenizer: Any, prompts: Sequence[Conversation], options: argparse.Namespace) -> Draw:
    how = SamplingOptions(max_new_tokens=options.new_tokens)
    sampler = LocalSampler(model, tokenizer, how, LocalSamplingOptions(max_tokens_per_batch=options.max_tokens))
    read = [0]

    def note(_: Any, ids: tuple[Any, ...], given: dict[str, Any]) -> None:
        read[0] += (ids[0] if ids else given["input_ids"]).numel()

    model.register_forward_pre_hook(note, with_kwargs=True)

    def draw(seed: int) -> tuple[int, int]:
        read[0] = 0
        answers = sampler.sample(prompts, options.samples, seed)
        return sum(sample.num_tokens or 0 for one in answers for sample in one.samples), read[0]

    return draw


def generated(model: Any, tokenizer: Any, prompts: Sequence[Conversation], options: argparse.Namespace) -> Draw:
    ends, pad_id = sorted(end_tokens(tokenizer)), tokenizer.pad_token_id
    found = [one.input_ids for one in encode_prompts(tokenizer, prompts, 512)]
    rows = [ids for ids in found for _ in range(options.samples)]
    batches = length_sorted_batches([len(ids) + options.new_tokens for ids in rows], options.max_tokens)

    def draw(seed: int) -> tuple[int, int]:
        torch.manual_seed(seed)
        written = read = 0
        for batch in batches:
            ids, mask = left_padded([rows[i] for i in batch], pad_id)
            given = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}
            limits = {
                "max_new_tokens": options.new_tokens,
                "eos_token_id": ends,
                "pad_token_id": tokenizer.pad_token_id,
            }
            output = model.generate(ids, attention_mask=mask, **given, **limits)[:, ids.shape[1] :]
            is_end = np.isin(output.numpy(), ends)
            written += int(np.where(is_end.any(1), is_end.argmax(1) + 1, output.shape[1]).sum())
            read += ids.numel() + output.numel() - len(ids)
        return written, read

    return draw


def spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded/smollm2-135m")
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--new_tokens", type=int, default=48)
    parser.add_argument("--max_tokens", type=int, default=8192)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    set_quiet(True)
    use_all_cores()
    prompts = distinct_prompts(options.prompts)
    sides = {
        name: make(*load_policy(resolve_model(options.model)), prompts, options)
        for name, make in (("rewardsmith", ours), ("generate", generated))
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    per_token: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(options.repeats + 1):
        for name in sorted(sides, reverse=repeat % 2 == 0):
            begun = time.process_time()
            written, read = sides[name](repeat)
            if repeat:  # the first is for warming up
                rates[name].append(written / (time.process_time() - begun))
                per_token[name].append(read / written)
    gains = [one / other for one, other in zip(rates["rewardsmith"], rates["generate"], strict=True)]
    print("| side | tokens/s | tokens through the model / tokens written |\n|---|---|---|")
    for name in sides:
        print(f"| {name} | {spread(rates[name], 0)} | {spread(per_token[name], 2)} |")
    print(f"rewardsmith / generate, paired: {spread(gains, 2)}")
    print(json.dumps({**vars(options), "threads": torch.get_num_threads(), "tokens_per_s": rates, "gains": gains}))


if __name__ == "__main__":
    main()
