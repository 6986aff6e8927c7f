"""Policy, critic and reference: what they say of a response does not depend on its batch, and who they begin as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import adapted
from toy_policies import toy_policy

from rewardsmith.errors import ModelError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.policy.networks.actor_critic import ActorCritic, response_logprobs
from rewardsmith.policy.networks.critic import critic_of_policy, critic_of_reward_model
from rewardsmith.policy.networks.reference import EarlierAdapters, FrozenCopy, reference_of
from rewardsmith.policy.networks.sequences import Sequences
from tiny_architectures import save_tiny_model, tokenizer_for

PROMPTS = [[5, 6, 7], [1, 9, 9, 40, 41, 42, 43, 44], [8]]
RESPONSES = [[50, 51, 2], [60], [70, 71, 72, 73, 74, 2]]


def of_rows(rows: list[int], columns: int = 1) -> Sequences:
    return Sequences.of([PROMPTS[row] for row in rows], [RESPONSES[row] for row in rows], 3, columns)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "qwen3"])
def test_padding_and_batch_mates_change_nothing(architecture: str) -> None:
    policy, _ = toy_policy(architecture)
    module = ActorCritic(policy, critic_of_policy(policy))
    torch.nn.init.ones_(module.critic.head.weight)  # type: ignore[union-attr]
    together = module(of_rows([0, 1, 2], columns=9))
    for row, response in enumerate(RESPONSES):
        alone = module(of_rows([row]))
        for found, expected in zip(together, alone, strict=True):
            torch.testing.assert_close(found[row, : len(response)], expected[0], atol=2e-5, rtol=1e-5)


def test_log_probabilities_are_those_of_the_model_read_plainly() -> None:
    policy, _ = toy_policy()
    with torch.no_grad():
        plain = policy(torch.tensor([PROMPTS[2] + RESPONSES[2]])).logits.log_softmax(-1)
    expected = [float(plain[0, t, token]) for t, token in enumerate(RESPONSES[2])]  # a prompt of one token
    assert response_logprobs(policy, of_rows([0, 2]))[1].tolist() == pytest.approx(expected, abs=1e-5)


def test_a_fresh_critic_says_nothing_and_shares_nothing_with_the_policy() -> None:
    policy, _ = toy_policy()
    critic = critic_of_policy(policy)
    assert not critic(of_rows([0, 1, 2])).any()
    own, shared = {id(parameter) for parameter in critic.parameters()}, {id(p) for p in policy.parameters()}
    assert not own & shared


def test_a_critic_of_a_policy_with_adapters_has_none_and_begins_the_same() -> None:
    policy = adapted()
    critic, plain = critic_of_policy(policy), critic_of_policy(toy_policy()[0])
    assert all(parameter.requires_grad for parameter in critic.parameters())
    assert not any("lora" in name for name, _ in critic.named_parameters())
    for one, other in zip(critic.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def reward_model(folder: Path, architecture: str) -> Any:
    source = resolve_model(str(save_tiny_model(folder, architecture)))
    return new_reward_model(source, tokenizer_for(architecture))


def test_a_critic_from_a_reward_model_begins_with_its_rewards(tmp_path: Path) -> None:
    model, (policy, _) = reward_model(tmp_path, "llama"), toy_policy()
    values = critic_of_reward_model(model, policy)(of_rows([2]))
    read = [torch.tensor([PROMPTS[2] + RESPONSES[2][:num]]) for num in range(len(RESPONSES[2]))]
    rewards = [model(ids).logits.detach().item() for ids in read]
    assert values[0].tolist() == pytest.approx(rewards, abs=1e-5)
    scaled = critic_of_reward_model(model, policy, mean=0.5, std=2.0)(of_rows([2]))
    assert scaled[0].tolist() == pytest.approx([(reward - 0.5) / 2 for reward in rewards], abs=1e-5)


def test_an_encoder_or_another_vocabulary_is_no_critic(tmp_path: Path) -> None:
    policy, _ = toy_policy()
    with pytest.raises(ModelError, match="no plain decoder. Begin with a fresh critic"):
        critic_of_reward_model(reward_model(tmp_path / "bert", "bert"), policy)
    decoder = reward_model(tmp_path / "llama", "llama")
    policy.resize_token_embeddings(policy.config.vocab_size + 8)
    with pytest.raises(ModelError, match="a critic reads the policy's"):
        critic_of_reward_model(decoder, policy)


@torch.no_grad()
def move(policy: Any) -> None:
    for parameter in policy.parameters():
        if parameter.requires_grad:
            parameter.add_(0.02 * torch.arange(parameter.shape[-1]).sin())


def test_the_reference_is_the_start_to_the_bit_however_the_policy_moves() -> None:
    sequences = of_rows([0, 1, 2])
    for policy, kind in ((adapted(), EarlierAdapters), (toy_policy()[0], FrozenCopy)):
        start, reference = response_logprobs(policy, sequences), reference_of(policy)
        assert isinstance(reference, kind)
        move(policy)
        with reference.opened() as model:
            assert torch.equal(response_logprobs(model, sequences), start)
        assert not torch.equal(response_logprobs(policy, sequences), start)


@pytest.mark.parametrize("make", [adapted, lambda: toy_policy()[0]])
def test_a_reset_reference_is_the_policy_as_it_is_then_and_can_be_brought_back(make: Callable[[], Any]) -> None:
    sequences, policy, twin = of_rows([0, 1, 2]), make(), make()
    reference, another = reference_of(policy), reference_of(twin)
    assert reference.state() == {}
    move(policy)
    reference.reset(policy)
    then = response_logprobs(policy, sequences)
    another.load_state({name: value.clone() for name, value in reference.state().items()})
    for model in (policy, twin):
        move(model)
        move(model)
    moved = response_logprobs(policy, sequences)
    for one in (reference, another):
        with one.opened() as opened:
            assert torch.equal(response_logprobs(opened, sequences), then)
    assert torch.equal(response_logprobs(policy, sequences), moved) and not torch.equal(moved, then)
