"""Tool calls and reasoning beside a text: as the template shows them, or the conversation is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rewardsmith.contracts.conversations import Message
from rewardsmith.errors import RefusedError
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_architectures import byte_tokenizer

PLAIN = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}"
SHOWS_ALL = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>"
    "{% if m.reasoning_content is defined %}({{ m.reasoning_content }}){% endif %}"
    "{{ m.content }}{% for call in m.tool_calls or [] %}[{{ call.function.name }} {{ call.function.arguments }}]"
    "{% endfor %}</s>{% endfor %}"
)


def tokenizer_with(template: str) -> Any:
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = template
    return tokenizer


def conversation(name: str, **extra: Any) -> list[Message]:
    call = {"type": "function", "function": {"name": name, "arguments": {"x": 1}}}
    parts = json.dumps({**extra, "tool_calls": [call]})
    return [{"role": "user", "content": "Do it."}, {"role": "assistant", "content": "Yes.", "extra": parts}]


def test_tool_calls_are_rendered_as_transformers_renders_them() -> None:
    tokenizer = tokenizer_with(SHOWS_ALL)
    turns = conversation("find", reasoning_content="Hm.")
    whole = {"role": "assistant", "content": "Yes.", **json.loads(turns[1]["extra"] or "")}
    encoded = ConversationEncoder(tokenizer).encode(turns)
    assert encoded.input_ids == tokenizer.apply_chat_template([turns[0], whole], tokenize=True)["input_ids"]
    response = tokenizer.decode(encoded.input_ids[encoded.response_start : encoded.response_end])
    assert response == "(Hm.)Yes.[find {'x': 1}]"


@pytest.mark.parametrize("part", ["tool_calls", "reasoning_content"])
def test_a_template_that_leaves_a_part_out_refuses_the_conversation(part: str) -> None:
    turns: list[Message] = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "."}]
    turns[1]["extra"] = json.dumps({part: "x"})
    with pytest.raises(RefusedError, match=f"does not show the {part} of a message"):
        ConversationEncoder(tokenizer_with(PLAIN)).encode(turns)


def test_the_reasoning_of_earlier_turns_is_the_templates_own_affair() -> None:
    earlier: Message = {"role": "assistant", "content": "a", "extra": json.dumps({"reasoning_content": "x"})}
    turns: list[Message] = [{"role": "user", "content": "p"}, earlier, {"role": "user", "content": "q"}]
    assert ConversationEncoder(tokenizer_with(PLAIN)).encode([*turns, {"role": "assistant", "content": "b"}])


def test_without_a_template_tool_calls_stand_below_the_text() -> None:
    encoder = ConversationEncoder(tokenizer_with(""))
    first, second = encoder.encode_many([conversation("find"), conversation("send")])
    assert first.input_ids != second.input_ids
