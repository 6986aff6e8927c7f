"""Log-probabilities of responses that are given as text."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_policies import toy_policy

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.policy.networks import likelihood
from rewardsmith.policy.networks.likelihood import Likelihoods, likelihoods
from rewardsmith.preferences.rows.messages import assistant, user
from rewardsmith.tokens.encoding import ConversationEncoder
from rewardsmith.tokens.turns import encode_prompts

TALKS: list[Conversation] = [
    [user("red"), assistant("one two three")],
    [user("a longer prompt of green and blue"), assistant("four")],
    [user("why"), assistant("")],
    [user("red"), assistant("cat dog bird fish one two three four five six")],
]
MODEL, TOKENIZER = toy_policy()
ENCODER = ConversationEncoder(TOKENIZER)


@torch.no_grad()
def by_hand(talk: Conversation) -> np.ndarray:
    encoded = ENCODER.encode(talk)
    logits = MODEL(torch.tensor([encoded.input_ids])).logits[0].double()
    places = range(encoded.response_start, encoded.response_end + 1)
    return np.array([logits[place - 1].log_softmax(-1)[encoded.input_ids[place]].item() for place in places])


def test_each_token_and_the_end_of_turn_given_what_is_before() -> None:
    found = likelihoods(MODEL, ENCODER, TALKS)
    for own, talk in zip(found.tokens, TALKS, strict=True):
        np.testing.assert_allclose(own, by_hand(talk), atol=1e-4)
    assert found.num_tokens.tolist() == [len(by_hand(talk)) for talk in TALKS]
    np.testing.assert_allclose(found.logprobs, [by_hand(talk).sum() for talk in TALKS], atol=1e-4)


def test_a_response_that_was_cut_off_has_no_end_of_turn() -> None:
    whole = likelihoods(MODEL, ENCODER, TALKS)
    cut = likelihoods(MODEL, ENCODER, TALKS, [False, True, False, True])
    assert (whole.num_tokens - cut.num_tokens).tolist() == [1, 0, 1, 0] and not cut.num_tokens[2]
    np.testing.assert_allclose(cut.tokens[0], whole.tokens[0][:-1], atol=1e-5)
    assert cut.logprobs[2] == 0


@pytest.mark.parametrize(("rows", "tokens"), [(1, 4096), (3, 4096), (128, 20)])
def test_it_does_not_matter_what_is_read_together(rows: int, tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    together = likelihoods(MODEL, ENCODER, TALKS)
    monkeypatch.setattr(likelihood, "ROWS_PER_PASS", rows)
    monkeypatch.setattr(likelihood, "TOKENS_PER_PASS", tokens)
    np.testing.assert_allclose(likelihoods(MODEL, ENCODER, TALKS).logprobs, together.logprobs, atol=1e-4)


def test_passes_hold_all_rows_and_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "ROWS_PER_PASS", 3)
    monkeypatch.setattr(likelihood, "TOKENS_PER_PASS", 20)
    lengths = [9, 2, 3, 50, 2, 10, 2, 2]
    passes = likelihood._passes(lengths)
    assert sorted(row for rows in passes for row in rows) == list(range(8))
    assert [[lengths[row] for row in rows] for rows in passes] == [[2, 2, 2], [2, 3], [9, 10], [50]]


def test_long_prompts_are_cut_as_they_were_for_the_policy() -> None:
    whole, short = ([user(text), assistant("four")] for text in ("a longer prompt of green and blue", "green and blue"))
    prompt_length = len(encode_prompts(TOKENIZER, [short[:-1]], 99)[0].input_ids)
    cut = encode_prompts(TOKENIZER, [whole[:-1]], prompt_length)[0].input_ids
    own = ENCODER.encode(whole)
    ids = torch.tensor([[*cut, *own.input_ids[own.response_start : own.response_end + 1]]])
    with torch.no_grad():
        expected = MODEL(ids).logits[0, len(cut) - 1 : -1].log_softmax(-1).gather(1, ids[0, len(cut) :, None])[:, 0]
    found = likelihoods(MODEL, ENCODER, [whole, short], max_prompt_length=prompt_length)
    np.testing.assert_allclose(found.tokens[0], expected, atol=1e-4)
    plain = likelihoods(MODEL, ENCODER, [whole, short])
    np.testing.assert_allclose(found.tokens[1], plain.tokens[1], atol=1e-5)
    assert abs(found.logprobs[0] - plain.logprobs[0]) > 1e-3


def test_nothing_has_no_likelihoods() -> None:
    found = likelihoods(MODEL, ENCODER, [])
    assert found == Likelihoods([]) and found.logprobs.shape == (0,)
