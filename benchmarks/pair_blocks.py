"""The pairs that both sides of a benchmark get: drawn once, cut into blocks, written down with the first weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.conversations import pair_conversations
from rewardsmith.tokens.encoding import ConversationEncoder

FILES = {"hh": "hh_rlhf", "ukp": "ukp_convarg.jsonl.gz"}
DATASETS = (*FILES, "made")
NUM_MADE = 4000
NUM_WORDS = 2000


def prepare(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: writes ``model/`` (the weights that every run begins with) and ``block-000.parquet``, ... to ``folder``.

    Pairs with a conversation over ``max_length`` tokens are left out (TRL drops them, we would cut them), and so are
    pairs that are the same twice. ``block_sizes`` tells how many pairs each block gets; no pair is in two.
    """
    folder = Path(spec["folder"])
    source = resolve_model(spec["model"])
    tokenizer = load_tokenizer(source)
    model = new_reward_model(source, tokenizer, spec["seed"])
    save_reward_model(model, tokenizer, folder / "model", {"max_length": spec["max_length"]})
    pairs = read_pairs(spec["dataset"], spec["data"], spec["seed"])
    order = np.random.default_rng(spec["seed"]).permutation(len(pairs))
    # Reading every text of a large set for a few blocks would take minutes; the reserve is for those left out.
    wanted = sum(spec["block_sizes"])
    pairs = pairs.take(order[: 2 * wanted + 100])
    chosen, rejected = token_ids(ConversationEncoder(tokenizer, 1 << 20), pairs)
    fits = [i for i in range(len(pairs)) if chosen[i] != rejected[i]]
    fits = [i for i in fits if max(len(chosen[i]), len(rejected[i])) <= spec["max_length"]]
    if len(fits) < wanted:
        raise SystemExit(
            f"of {len(pairs)} pairs of {spec['dataset']} that were drawn {len(fits)} fit; the blocks need {wanted}"
        )
    blocks = []
    for number, part in enumerate(np.split(fits[:wanted], np.cumsum(spec["block_sizes"])[:-1])):
        path = folder / f"block-{number:03}.parquet"
        pq.write_table(pairs.take(part), path)
        blocks.append({"pairs": str(path), **_counts([(chosen[i], rejected[i]) for i in part])})
    return {"blocks": blocks, "model": str(folder / "model")}


def read_pairs(dataset: str, data: str | None, seed: int) -> pa.Table:
    """All pairs of a set by its short name."""
    rows: Any = made_rows(seed) if dataset == "made" else str(Path(data or ".") / FILES[dataset])
    return load_preferences(rows, DataOptions(near_duplicates="off")).table


def made_rows(seed: int) -> list[dict[str, str]]:
    """Short prompts (about 15-40 tokens) with long responses (about 100-400 tokens) of made-up words."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnoprstuvw"))
    words = np.array(["".join(rng.choice(letters, size=n)) for n in rng.integers(2, 9, NUM_WORDS)])

    def text(low: int, high: int) -> str:
        return " ".join(rng.choice(words, size=rng.integers(low, high + 1)))

    return [{"prompt": text(4, 10) + "?", "chosen": text(30, 110), "rejected": text(30, 110)} for _ in range(NUM_MADE)]


def token_ids(encoder: ConversationEncoder, pairs: pa.Table) -> tuple[list[list[int]], list[list[int]]]:
    """Tokens of the chosen and of the rejected conversations."""
    chosen, rejected = (encoder.encode_many(side) for side in pair_conversations(pairs))
    return [item.input_ids for item in chosen], [item.input_ids for item in rejected]


def common_prefix(first: list[int], second: list[int]) -> int:
    """Number of tokens that two conversations begin with alike."""
    for position, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return position
    return min(len(first), len(second))


def _counts(ids: list[tuple[list[int], list[int]]]) -> dict[str, int]:
    real = sum(len(chosen) + len(rejected) for chosen, rejected in ids)
    return {
        "num_pairs": len(ids),
        "real_tokens": real,
        "distinct_tokens": real - sum(common_prefix(chosen, rejected) for chosen, rejected in ids),
    }
