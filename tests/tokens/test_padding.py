from __future__ import annotations

import pytest

from rewardsmith.tokens.chat_template import template_depends_on_date
from rewardsmith.tokens.padding import choose_pad_token
from tiny_architectures import byte_tokenizer, encoder_tokenizer, gpt2_tokenizer


def test_a_padding_token_of_its_own_is_kept() -> None:
    assert choose_pad_token(byte_tokenizer()) == (3, "<pad>")
    assert choose_pad_token(encoder_tokenizer()) == (0, "<pad>")


@pytest.mark.parametrize("pad", [None, "</s>", "<s>"])
def test_padding_that_could_end_a_conversation_is_replaced_by_an_existing_special_token(pad: str | None) -> None:
    assert choose_pad_token(byte_tokenizer(pad=pad)) == (0, "<unk>")


def test_a_vocabulary_with_one_special_token_pads_with_a_word() -> None:
    tokenizer = gpt2_tokenizer()
    pad_id, pad_token = choose_pad_token(tokenizer)
    assert pad_token == "\u0120the"
    before = tokenizer("on the road the")["input_ids"]
    tokenizer.pad_token = pad_token
    assert tokenizer("on the road the")["input_ids"] == before
    assert pad_id != tokenizer.eos_token_id


def test_a_template_that_asks_for_today_is_noticed() -> None:
    assert template_depends_on_date(byte_tokenizer(template="{{ strftime_now('%d %b %Y') }}"))
    assert not template_depends_on_date(byte_tokenizer())
    assert not template_depends_on_date(gpt2_tokenizer())
