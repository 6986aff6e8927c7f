"""Policies to be improved: random decoders that end now and then, and a bandit that knows five words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, LlamaConfig

from rewardsmith.contracts.conversations import Message
from rewardsmith.policy.networks.critic import Critic
from rewardsmith.policy.options import PolicyOptions
from stub_scorer import StubScorer
from tiny_reward_models import tiny_tokenizer
from tiny_writers import tiny_writer

ACTIONS = ("red", "green", "blue", "one", "two")
WORTH = dict(zip(ACTIONS, (-1.0, -0.5, 0.0, 0.25, 0.5), strict=True))


def talk(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


PROMPTS = [talk(text) for text in ("a", "a longer one", "why", "a prompt of some more words", "so?")]


@torch.no_grad()
def toy_policy(architecture: str = "llama", seed: int = 0) -> tuple[Any, Any]:
    """A tiny decoder that ends a response at about every fourth token, and its tokenizer."""
    model, tokenizer = tiny_writer(architecture, seed=seed)
    head = model.get_output_embeddings()
    head.weight = nn.Parameter(head.weight.clone())  # not the embedding's, where the two are tied
    states = model(torch.arange(100)[None], output_hidden_states=True).hidden_states[-1][0]
    usual = states.mean(0)
    head.weight[tokenizer.eos_token_id] += 4 * usual / usual.square().sum()
    return model, tokenizer


def changed(options: PolicyOptions, **changes: Any) -> PolicyOptions:
    """The options with some changed by their flat names."""
    for part in ("sampling", "rollouts", "rewards", "kl", "ppo", "optimizer"):
        inner = getattr(options, part)
        mine = {name: changes.pop(name) for name in list(changes) if hasattr(inner, name)}
        options = replace(options, **{part: replace(inner, **mine)})
    return replace(options, **changes)


def letter_scorer() -> StubScorer:
    """Every letter has a worth of its own."""
    return StubScorer(lambda text: sum(ord(letter) % 7 - 3 for letter in text) / 4)


class Bandit(nn.Module):
    """One token, of five words, whatever the prompt. Called as a causal model of transformers is."""

    def __init__(self, logits: Sequence[float]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))
        self.device, self.config = torch.device("cpu"), LlamaConfig()
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
