from __future__ import annotations

import time

import pytest

from rewardsmith.errors import ModelError, RefusedError
from rewardsmith.tokens import chat_template
from rewardsmith.tokens.encoding import ConversationEncoder, tokens_check
from tiny_architectures import byte_tokenizer, conversation

NEEDS_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}{{ raise_exception('first message must be system') }}{% endif %}"
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{{ eos_token }}{% endfor %}"
)
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
SYSTEM = {"role": "system", "content": "Be short."}


def test_a_template_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template, "TEMPLATE_SECONDS", 0.1)
    encoder = ConversationEncoder(byte_tokenizer(template=ENDLESS))
    started = time.process_time()
    with pytest.raises(ModelError, match=r"after 0\.1 s of computing: it may never end.*chat_template\.jinja"):
        encoder.refusals([conversation("q", "a")])
    assert time.process_time() - started < 2


def test_what_a_template_refuses_is_named_and_the_rest_is_encoded() -> None:
    encoder = ConversationEncoder(byte_tokenizer(template=NEEDS_SYSTEM))
    taken, refused = [SYSTEM, *conversation("q", "a")], conversation("q", "b")
    with pytest.raises(RefusedError, match="turns user, assistant: first message must be system"):
        encoder.encode_many([taken, refused])
    found = encoder.refusals([taken] * 20 + [refused, taken, refused])
    assert list(found) == [20, 22] and "first message must be system" in found[20]


@pytest.mark.parametrize("fault", ["{{ 1 // 0 }}", "{{ messages[0].content + 1 }}", "{{ messages[9].role.x }}"])
def test_any_fault_of_a_template_is_a_refusal(fault: str) -> None:
    template = "{% if messages[0].content == 'bad' %}" + fault + "{% endif %}{{ messages[-1].content }}"
    encoder = ConversationEncoder(byte_tokenizer(template=template))
    assert list(encoder.refusals([conversation("q", "a"), conversation("bad", "a")])) == [1]


def test_models_whose_template_demands_a_system_turn_can_be_checked() -> None:
    assert tokens_check(byte_tokenizer(template=NEEDS_SYSTEM)) != tokens_check(byte_tokenizer())
