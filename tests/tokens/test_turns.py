"""What a policy is given and how it ends, for templates and for plain transcripts."""

from __future__ import annotations

import pytest

from rewardsmith.contracts.conversations import Message
from rewardsmith.tokens.encoding import ConversationEncoder
from rewardsmith.tokens.turns import encode_prompts, end_tokens, response_text
from tiny_architectures import STRICT_TEMPLATE, byte_tokenizer
from tiny_reward_models import tiny_tokenizer

PROMPT: list[Message] = [{"role": "user", "content": "why so?"}]


@pytest.mark.parametrize("tokenizer", [byte_tokenizer(), byte_tokenizer(template=STRICT_TEMPLATE), tiny_tokenizer()])
def test_prompt_and_response_are_the_conversation_that_reward_models_read(tokenizer: object) -> None:
    whole = ConversationEncoder(tokenizer, 200).encode([*PROMPT, {"role": "assistant", "content": "red cat"}])
    (prompt,) = encode_prompts(tokenizer, [PROMPT], 100)
    assert whole.input_ids[: whole.response_start] == prompt.input_ids
    assert whole.input_ids[whole.response_end] in end_tokens(tokenizer)


def test_a_turn_ends_with_the_templates_own_token_or_eos() -> None:
    strict = byte_tokenizer(template=STRICT_TEMPLATE)
    assert end_tokens(strict) == {strict.convert_tokens_to_ids("<|end|>"), strict.eos_token_id}
    plain = tiny_tokenizer()
    assert end_tokens(plain) == {plain.eos_token_id}


def test_a_long_prompt_loses_its_beginning_and_keeps_what_opens_the_answer() -> None:
    tokenizer = byte_tokenizer()
    long: list[Message] = [{"role": "user", "content": "a" * 50 + "z"}]
    short, whole = (encode_prompts(tokenizer, [long], length)[0] for length in (20, 100))
    assert len(short.input_ids) == 20 and short.num_cut == len(whole.input_ids) - 20 and whole.num_cut == 0
    assert short.input_ids[0] == tokenizer.bos_token_id and short.input_ids[1:] == whole.input_ids[-19:]


def test_a_response_as_text_begins_with_its_first_word() -> None:
    tokenizer = byte_tokenizer(template=None)
    (prompt,) = encode_prompts(tokenizer, [PROMPT], 100)
    whole = ConversationEncoder(tokenizer, 200).encode([*PROMPT, {"role": "assistant", "content": "the cat"}])
    assert response_text(tokenizer, whole.input_ids[len(prompt.input_ids) : whole.response_end]) == "the cat"
