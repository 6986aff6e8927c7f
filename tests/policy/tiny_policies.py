"""Policies that are small enough to be known: random decoders, and a bandit that knows five words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from rewardsmith.contracts.conversations import Message
from rewardsmith.policy.critic import Critic
from rewardsmith.policy.options import PolicyOptions
from stub_scorer import StubScorer
from tiny_reward_models import tiny_tokenizer

ACTIONS = ("red", "green", "blue", "one", "two")
WORTH = dict(zip(ACTIONS, (-1.0, -0.5, 0.0, 0.25, 0.5), strict=True))


def tiny_policy(kind: str = "llama", seed: int = 0) -> Any:
    """Two layers, with the words of the tiny tokenizer."""
    tokenizer = tiny_tokenizer()
    size = {"vocab_size": len(tokenizer), "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if kind == "gpt2":
            config = GPT2Config(**size, n_embd=32, n_layer=2, n_head=4, n_positions=256, initializer_range=0.3)
            return GPT2LMHeadModel(config).eval()
        return LlamaForCausalLM(
            LlamaConfig(
                **size,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=256,
                initializer_range=0.3,
            )
        ).eval()


def talk(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


PROMPTS = [talk(text) for text in ("red cat", "green dog fish tree stone", "one", "two three four", "five six")]


def changed(options: PolicyOptions, **changes: Any) -> PolicyOptions:
    """The options with some changed by their flat names."""
    for part in ("rollouts", "rewards", "kl", "ppo", "optimizer"):
        inner = getattr(options, part)
        mine = {name: value for name, value in changes.items() if hasattr(inner, name)}
        options = replace(options, **{part: replace(inner, **mine)})
    return options


def vowel_scorer() -> StubScorer:
    """Vowels are worth more than what they cost in length."""
    return StubScorer(lambda text: sum(letter in "aeiou" for letter in text) - 0.1 * len(text))


class Bandit(nn.Module):
    """One token, of five words, whatever the prompt. Called as a causal model of transformers is."""

    def __init__(self, logits: Sequence[float]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))
        self.device = torch.device("cpu")
        tokenizer = tiny_tokenizer()
        self._ids = torch.tensor(tokenizer.convert_tokens_to_ids(list(ACTIONS)))
        self._size = len(tokenizer)

    def forward(self, input_ids: Tensor, **_: Any) -> Any:
        row = torch.full((self._size,), -torch.inf).index_put((self._ids,), self.logits)
        return SimpleNamespace(logits=row.expand(*input_ids.shape, -1), past_key_values=DynamicCache())


class Blind(nn.Module):
    """A trunk that sees nothing: its head is one number for all states."""

    def forward(self, input_ids: Tensor, **_: Any) -> Any:
        return SimpleNamespace(last_hidden_state=torch.ones(*input_ids.shape, 1))


def blind_critic() -> Critic:
    head = nn.Linear(1, 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return Critic(Blind(), head)
