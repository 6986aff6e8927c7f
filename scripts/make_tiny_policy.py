"""Makes the embedded models `embedded/tiny-chat` and `embedded/tiny-reader`, and the prompts of the worlds.

    OMP_NUM_THREADS=1 PYTHONPATH=src python scripts/make_tiny_policy.py --hh_rlhf DIR

DIR holds the `helpful-*.jsonl.gz` of HH-RLHF (github.com/anthropics/hh-rlhf, MIT). One thread, about six minutes of
processor time. The same seed, text and version of PyTorch give the same weights on the same kind of processor. With
another `--seed` and `--output_dir` it makes another pair of models, for worlds whose language differs. A model that is
there already is not trained again.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import Any

import torch
from tiny_policy.drawing import draw_exchanges, write
from tiny_policy.exchanges import Exchange, cut, read_exchanges
from tiny_policy.training import Shape, loss_on, new_model, teach
from tiny_policy.vocabulary import make_tokenizer

from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy
from rewardsmith.policy.worlds.world import EXCHANGES

FOLDER = Path(__file__).parents[1] / "src" / "rewardsmith" / "models" / "embedded_weights"
SHAPES = {"tiny_chat": Shape(128, 352, 5, 4), "tiny_reader": Shape(64, 176, 2, 2)}
RATES = {"tiny_chat": 3e-3, "tiny_reader": 5e-3}
VOCABULARY, LONGEST_TURNS, POSITIONS = 1024, (32, 28), 2048
NUM_STEPS, ROWS_PER_STEP, NUM_HELD_OUT, NUM_DRAWN = 600, 64, 500, 4000


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tiny embedded models and the prompts of the worlds.")
    parser.add_argument("--hh_rlhf", type=Path, required=True, help="folder with helpful-*.jsonl.gz")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--output_dir", type=Path, default=FOLDER, help="elsewhere: the worlds' prompts stay as they are"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)

    exchanges = read_exchanges(sorted(options.hh_rlhf.glob("helpful-*.jsonl.gz")))
    tokenizer = make_tokenizer((text for exchange in exchanges for text in exchange), VOCABULARY)
    exchanges = cut_all(exchanges, tokenizer)
    random.Random(options.seed).shuffle(exchanges)
    rows = [tokens(tokenizer, exchange) for exchange in exchanges]
    print(f"{len(rows)} exchanges, {sum(map(len, rows))} tokens", flush=True)
    for name in SHAPES:
        if not (options.output_dir / name / "config.json").exists():
            train(name, tokenizer, rows, options.seed, options.output_dir / name)
    if options.output_dir == FOLDER:
        model, tokenizer = load_policy(resolve_model(str(FOLDER / "tiny_chat")))
        drawn = draw_exchanges(model, tokenizer, (said for said, _ in exchanges), NUM_DRAWN, options.seed)
        write(drawn, EXCHANGES)
        print(f"{len(drawn)} exchanges drawn, {EXCHANGES.stat().st_size} bytes", flush=True)


def train(name: str, tokenizer: Any, rows: list[list[int]], seed: int, folder: Path) -> None:
    torch.manual_seed(seed)
    model: Any = new_model(SHAPES[name], tokenizer, POSITIONS)
    began = time.process_time()
    held_out, known = rows[:NUM_HELD_OUT], rows[NUM_HELD_OUT:]
    teach(model, known, NUM_STEPS, ROWS_PER_STEP, RATES[name], seed)
    spent = time.process_time() - began
    model = model.to(torch.bfloat16)
    loss = loss_on(model.float(), held_out, ROWS_PER_STEP)
    print(f"{name}: {model.num_parameters()} parameters, {loss:.3f} nats a held-out token, {spent:.0f} s", flush=True)
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def cut_all(exchanges: list[Exchange], tokenizer: Any) -> list[Exchange]:
    """Distinct exchanges of a bounded length."""

    def num_tokens(text: str) -> int:
        return len(tokenizer(text)["input_ids"])

    found = (cut(exchange, num_tokens, LONGEST_TURNS) for exchange in exchanges)
    return list(dict.fromkeys(exchange for exchange in found if exchange))


def tokens(tokenizer: Any, exchange: Exchange) -> list[int]:
    said, answered = exchange
    messages = [{"role": "user", "content": said}, {"role": "assistant", "content": answered}]
    ids: list[int] = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True)["input_ids"]
    return ids


if __name__ == "__main__":
    main()
