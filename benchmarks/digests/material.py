"""What the cases work on: a tiny random decoder with its tokenizer, and pairs whose labels are partly wrong."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

WORDS = (
    *("red", "green", "blue", "one", "two", "three", "four", "five", "cat", "dog", "bird", "fish", "tree", "stone"),
    *("river", "road", "good", "bad", "fine", "poor"),
)
TEMPLATE = "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{{ eos_token }}{% endfor %}"
OWN_RULES = """\
name: own
rules:
  - {rule: influence_weights, group: longer}
  - {rule: reweight, by: constant, factor: 2, where: {category: [even]}}
  - {rule: soft_label, from: posterior, where: {p_wrong: [0.3, 0.9]}}
  - {rule: drop, where: {influence_quantile: [0.9, 1]}}
  - {rule: tie, where: {strength_quantile: [0.4, 0.5]}}
"""


def write_material(work: Path) -> None:
    """Fills the work folder."""
    for name, num_pairs, seed in (("pairs", 96, 0), ("more", 260, 1), ("heldout", 40, 2)):
        lines = (json.dumps(row) + "\n" for row in rows(num_pairs, seed))
        (work / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    decided = "".join(f"{row},{('keep', 'flip', 'tie', 'drop')[row % 4]}\n" for row in range(0, 40, 3))
    (work / "decided.csv").write_text(f"row,decision\n{decided}", encoding="utf-8")
    (work / "own.yaml").write_text(OWN_RULES, encoding="utf-8")
    save_model(work / "model")


def rows(num_pairs: int, seed: int) -> list[dict[str, Any]]:
    """Four pairs a prompt; a fifth has its responses exchanged. With votes, categories and scores of four models."""
    rng = random.Random(seed)
    prompts = [_text(rng, 8) for _ in range(num_pairs // 4 + 1)]
    found = []
    for i in range(num_pairs):
        chosen, rejected = _text(rng, 12) + " good good", _text(rng, 12) + " bad bad"
        scores = [[rng.gauss(mean, 1.0) for _ in range(4)] for mean in (1.0, 0.0)]
        if rng.random() < 0.2:
            chosen, rejected, scores = rejected, chosen, scores[::-1]
        found.append(
            {
                "prompt": prompts[i // 4],
                "chosen": chosen,
                "rejected": rejected,
                "category": "even" if i // 4 % 2 == 0 else "odd",
                "votes": {"chosen": rng.randrange(2, 5), "rejected": rng.randrange(3)},
                "chosen_score_list": scores[0],
                "rejected_score_list": scores[1],
            }
        )
    return found


def _text(rng: random.Random, longest: int) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randrange(2, longest)))


def save_model(folder: Path) -> None:
    """A Llama of three blocks with random weights, as a Hugging Face folder."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaModel, PreTrainedTokenizerFast

    special = ["<unk>", "<s>", "</s>", "<pad>", "<|user|>", "<|assistant|>"]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*special, *WORDS])}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": special[4:]})
    tokenizer.chat_template = TEMPLATE
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
    )
    torch.manual_seed(0)
    LlamaModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
