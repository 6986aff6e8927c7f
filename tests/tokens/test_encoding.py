from __future__ import annotations

import pytest

from rewardsmith.errors import ModelError
from rewardsmith.tokens.encoding import ConversationEncoder, tokens_check
from tiny_architectures import (
    CONVERSATIONS,
    STRICT_TEMPLATE,
    byte_tokenizer,
    conversation,
    encoder_tokenizer,
    gpt2_tokenizer,
)


def response_text(encoder: ConversationEncoder, turns: list[dict[str, str]]) -> str:
    encoded = encoder.encode(turns)
    return str(encoder.tokenizer.decode(encoded.input_ids[encoded.response_start : encoded.response_end]))


@pytest.mark.parametrize("turns", CONVERSATIONS)
def test_chat_tokens_are_those_of_apply_chat_template(turns: list[dict[str, str]]) -> None:
    tokenizer = byte_tokenizer()
    expected = tokenizer.apply_chat_template(turns, tokenize=True)["input_ids"]
    assert ConversationEncoder(tokenizer).encode(turns).input_ids == expected


@pytest.mark.parametrize("make", [byte_tokenizer, gpt2_tokenizer, encoder_tokenizer])
@pytest.mark.parametrize("turns", CONVERSATIONS)
def test_the_marked_span_is_the_response_byte_for_byte(make: object, turns: list[dict[str, str]]) -> None:
    assert response_text(ConversationEncoder(make()), turns) == turns[-1]["content"]  # type: ignore[operator]


def test_one_bos_where_neither_the_template_nor_the_tokenizer_alone_would_give_one() -> None:
    plain = byte_tokenizer(template=None)
    without = byte_tokenizer(template="{% for m in messages %}{{ m['content'] }}</s>{% endfor %}")
    doubled = byte_tokenizer(template="<s><s>{% for m in messages %}{{ m['content'] }}</s>{% endfor %}")
    for tokenizer in (plain, without, doubled):
        ids = ConversationEncoder(tokenizer).encode(CONVERSATIONS[0]).input_ids
        assert ids[0] == tokenizer.bos_token_id
        assert ids.count(tokenizer.bos_token_id) == 1


def test_eos_is_added_where_the_template_ends_with_the_response() -> None:
    tokenizer = byte_tokenizer(template="{% for m in messages %}{{ m['content'] }}{% endfor %}")
    assert ConversationEncoder(tokenizer).encode(CONVERSATIONS[0]).input_ids[-1] == tokenizer.eos_token_id


def test_left_truncation_keeps_bos_response_and_end_of_turn() -> None:
    tokenizer = byte_tokenizer()
    whole = ConversationEncoder(tokenizer, 4096).encode(CONVERSATIONS[1])
    cut = ConversationEncoder(tokenizer, 70).encode(CONVERSATIONS[1])
    assert len(cut.input_ids) == 70
    assert cut.num_cut == len(whole.input_ids) - 70
    assert cut.input_ids[0] == tokenizer.bos_token_id
    assert cut.input_ids[1:] == whole.input_ids[-69:]
    assert cut.input_ids[-1] == tokenizer.eos_token_id
    assert cut.response_end - cut.response_start == whole.response_end - whole.response_start


def test_a_response_longer_than_the_limit_is_cut_on_the_stated_side() -> None:
    turns = conversation("q", "0123456789" * 5)
    left = ConversationEncoder(byte_tokenizer(), 20, "left")
    right = ConversationEncoder(byte_tokenizer(), 20, "right")
    assert response_text(left, turns) == ("0123456789" * 5)[-18:]
    assert response_text(right, turns).startswith("012345")
    for encoder in (left, right):
        encoded = encoder.encode(turns)
        assert len(encoded.input_ids) == 20
        assert encoded.input_ids[-1] == encoder.tokenizer.eos_token_id
        assert encoded.num_cut == len(ConversationEncoder(byte_tokenizer(), 4096).encode(turns).input_ids) - 20


def test_encoders_read_two_segments_and_cut_the_prompt_first() -> None:
    for doubled, num_middle in ((False, 1), (True, 2)):
        tokenizer = encoder_tokenizer(doubled)
        encoder = ConversationEncoder(tokenizer, 64)
        turns = conversation("abc", "de")
        assert encoder.encode(turns).input_ids == tokenizer("abc", "de")["input_ids"]
        assert encoder.has_token_types is not doubled
        long = encoder.encode(conversation("p" * 100, "r" * 30))
        assert len(long.input_ids) == 64
        assert long.num_cut == 100 + 30 + 3 + num_middle - 1 - 64
        assert long.response_end - long.response_start == 30
        assert long.input_ids[0] == tokenizer.cls_token_id and long.input_ids[-1] == tokenizer.sep_token_id


def test_plain_transcript_of_a_base_decoder() -> None:
    tokenizer = gpt2_tokenizer()
    ids = ConversationEncoder(tokenizer).encode(CONVERSATIONS[3]).input_ids
    assert tokenizer.decode(ids) == "User: A\n\nAssistant: B\n\nUser: C?\n\nAssistant: D, of course.<|endoftext|>"


def test_a_strict_template_gets_alternating_turns_and_the_reshaping_is_counted() -> None:
    encoder = ConversationEncoder(byte_tokenizer(template=STRICT_TEMPLATE))
    turns = [{"role": "system", "content": "Be brief."}, *conversation("Hi", " Hello. ")]
    text = encoder.tokenizer.decode(encoder.encode(turns).input_ids)
    assert text == "<s><|user|>Be brief.\n\nHi<|end|><|assistant|>Hello.<|end|>\n".replace("<|end|><", "<|end|>\n<")
    assert encoder.num_adapted == 1
    assert response_text(encoder, turns) == "Hello."


def test_a_template_that_rewrites_the_response_still_shows_where_it_is() -> None:
    template = (
        "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]{{ m['content'].split('</think>')[-1] }}~{% endfor %}"
    )
    encoder = ConversationEncoder(byte_tokenizer(template=template))
    assert response_text(encoder, conversation("q", "<think>hm</think>yes")) == "yes"
    assert (
        encoder.encode(conversation("q", "<think>hm</think>yes")).input_ids[-1]
        == encoder.tokenizer("~")["input_ids"][-1]
    )


def test_an_empty_response_has_an_empty_span() -> None:
    for make in (byte_tokenizer, gpt2_tokenizer, encoder_tokenizer):
        encoded = ConversationEncoder(make()).encode(conversation("q", ""))
        assert encoded.response_start == encoded.response_end < len(encoded.input_ids)


def test_fingerprint_follows_what_decides_the_tokens() -> None:
    same = ConversationEncoder(byte_tokenizer(), 64).fingerprint
    assert ConversationEncoder(byte_tokenizer(), 64).fingerprint == same
    padded = byte_tokenizer()
    padded(["a", "bb"], padding=True, truncation=True, max_length=9)
    assert ConversationEncoder(padded, 64).fingerprint == same
    others = [
        ConversationEncoder(byte_tokenizer(), 65),
        ConversationEncoder(byte_tokenizer(), 64, "right"),
        ConversationEncoder(byte_tokenizer(template=STRICT_TEMPLATE), 64),
        ConversationEncoder(gpt2_tokenizer(), 64),
    ]
    assert len({same, *(encoder.fingerprint for encoder in others)}) == 5


def test_fingerprint_tells_whether_the_model_sees_token_types() -> None:
    with_types, without = encoder_tokenizer(), encoder_tokenizer()
    without.model_input_names = ["input_ids", "attention_mask"]
    assert ConversationEncoder(with_types).fingerprint != ConversationEncoder(without).fingerprint


def test_tokens_check_notices_another_template() -> None:
    assert tokens_check(byte_tokenizer()) == tokens_check(byte_tokenizer())
    assert tokens_check(byte_tokenizer()) != tokens_check(byte_tokenizer(template=None))


def test_impossible_lengths_and_conversations_are_refused() -> None:
    with pytest.raises(ModelError, match="`max_length` 4"):
        ConversationEncoder(byte_tokenizer(), 4)
    with pytest.raises(ModelError, match="without messages"):
        ConversationEncoder(byte_tokenizer()).encode([])
