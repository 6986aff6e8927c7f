"""The three layouts of a conversation, each as five runs of tokens that truncation can work on."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import TemplateError

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.errors import ModelError
from rewardsmith.tokens.transcript import acceptable_to_strict_templates, encoder_prompt, plain_prompt

DATE_CALLS = re.compile(r"strftime_now|datetime|\bnow\s*\(")
SENTINEL = "\u2e28response\u2e29"


@dataclass(frozen=True, slots=True)
class Spans:
    """``head`` (BOS, CLS), ``prompt``, ``middle`` (separators), ``response``, ``tail`` (end of turn, EOS, SEP)."""

    head: list[int]
    prompt: list[int]
    middle: list[int]
    response: list[int]
    tail: list[int]


def chat_spans(tokenizer: Any, conversations: Sequence[Conversation]) -> tuple[list[Spans], int]:
    """Through the model's chat template; also the number of conversations it refused until they were reshaped.

    The template gives one text and the tokenizer adds no special token to it, which is what
    ``apply_chat_template(tokenize=True)`` does; the text is kept because only its offsets tell where the response is.
    """
    rendered = [render_chat(tokenizer, conversation) for conversation in conversations]
    suffix = template_suffix(tokenizer)
    texts, bounds = [], []
    for (text, messages), _ in rendered:
        texts.append(text)
        bounds.append(response_bounds(tokenizer, messages, text, suffix))
    spans = split_by_offsets(tokenizer, texts, bounds)
    return [with_one_bos_and_an_end(tokenizer, span) for span in spans], sum(adapted for _, adapted in rendered)


def render_chat(tokenizer: Any, conversation: Conversation) -> tuple[tuple[str, list[dict[str, str]]], bool]:
    """Text of a conversation with the messages that gave it, and whether they had to be reshaped."""
    messages = [{"role": message["role"], "content": message["content"]} for message in conversation]
    try:
        return (apply_template(tokenizer, messages), messages), False
    except TemplateError:
        messages = acceptable_to_strict_templates(conversation)
    try:
        return (apply_template(tokenizer, messages), messages), True
    except TemplateError as error:
        roles = ", ".join(message["role"] for message in conversation)
        raise ModelError(f"the chat template refuses a conversation with the turns {roles}: {error}") from error


def apply_template(tokenizer: Any, messages: list[dict[str, str]]) -> str:
    return str(tokenizer.apply_chat_template(messages, tokenize=False))


def template_suffix(tokenizer: Any) -> str:
    """What the template writes after the last response."""
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": SENTINEL}]
    return apply_template(tokenizer, messages).rpartition(SENTINEL)[2]


def template_depends_on_date(tokenizer: Any) -> bool:
    """Whether the chat template writes the current date, so that rewards are others tomorrow."""
    template = getattr(tokenizer, "chat_template", None)
    templates = template.values() if isinstance(template, dict) else [template or ""]
    return any(DATE_CALLS.search(text) for text in templates)


def response_bounds(tokenizer: Any, messages: list[dict[str, str]], text: str, suffix: str) -> tuple[int, int]:
    """First character of the response in a rendered text, and the one after its last.

    Templates may strip a response or drop parts of it (reasoning), so its start is where a sentinel in its place
    would start.
    """
    content = messages[-1]["content"]
    if text.endswith(suffix):
        end = len(text) - len(suffix)
        for form in (content, content.strip()):
            if text.endswith(form, 0, end):
                return end - len(form), end
    marked = apply_template(tokenizer, [*messages[:-1], {**messages[-1], "content": SENTINEL}])
    before, found, after = marked.rpartition(SENTINEL)
    if not found or not text.endswith(after):
        raise ModelError("the chat template does not show the last message, so there is no response to score.")
    start = len(before) if text.startswith(before) else len(text) - len(after) - len(content)
    return start, len(text) - len(after)


def split_by_offsets(tokenizer: Any, texts: list[str], bounds: list[tuple[int, int]]) -> list[Spans]:
    """Tokens of each text, split at the two bounds. A token across a bound belongs to the response."""
    if not getattr(tokenizer, "is_fast", False):
        return [split_without_offsets(tokenizer, text, *bound) for text, bound in zip(texts, bounds, strict=True)]
    batch = tokenizer(
        texts, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False, verbose=False
    )
    spans = []
    for ids, offsets, (start, end) in zip(batch["input_ids"], batch["offset_mapping"], bounds, strict=True):
        first = bisect_left(offsets, start + 1, key=lambda offset: offset[1])
        last = max(first, bisect_left(offsets, end, key=lambda offset: offset[0]))
        spans.append(Spans([], list(ids[:first]), [], list(ids[first:last]), list(ids[last:])))
    return spans


def split_without_offsets(tokenizer: Any, text: str, start: int, end: int) -> Spans:
    """The same for a tokenizer written in Python, by counting the tokens of each part."""

    def count(part: str) -> int:
        return len(tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"])

    ids = list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    num_tail = count(text[end:]) if text[end:] else 0
    first, last = min(count(text[:start]), len(ids) - num_tail), len(ids) - num_tail
    return Spans([], ids[:first], [], ids[first:last], ids[last:])


def adds_bos(tokenizer: Any) -> bool:
    """Whether the tokenizer begins a plain text with BOS, as its model was trained to expect."""
    if tokenizer.bos_token_id is None:
        return False
    return bool(tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id])


def with_one_bos_and_an_end(tokenizer: Any, spans: Spans) -> Spans:
    """Exactly one BOS at the front where the model has one, and a tail that is not empty where there is an EOS."""
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    prompt, head = spans.prompt, spans.head
    num_bos = 0
    while bos is not None and num_bos < len(prompt) and prompt[num_bos] == bos:
        num_bos += 1
    if num_bos or adds_bos(tokenizer):
        head, prompt = [bos], prompt[num_bos:]
    tail = spans.tail or ([eos] if eos is not None else [])
    return Spans(head, prompt, spans.middle, spans.response, tail)


def plain_spans(tokenizer: Any, conversations: Sequence[Conversation]) -> list[Spans]:
    """A labelled transcript that ends with the response and EOS, for decoders without a chat template."""
    prompts = [plain_prompt(conversation[:-1], conversation[-1]["role"]) for conversation in conversations]
    texts = [prompt + conversation[-1]["content"] for prompt, conversation in zip(prompts, conversations, strict=True)]
    bounds = [(len(prompt), len(text)) for prompt, text in zip(prompts, texts, strict=True)]
    return [with_one_bos_and_an_end(tokenizer, span) for span in split_by_offsets(tokenizer, texts, bounds)]


def encoder_spans(tokenizer: Any, conversations: Sequence[Conversation]) -> list[Spans]:
    """``[CLS] prompt [SEP] response [SEP]`` with the tokenizer's own separators (RoBERTa writes two in the middle)."""
    head, middle, tail = pair_frame(tokenizer)
    prompts = plain_ids(tokenizer, [encoder_prompt(conversation[:-1]) for conversation in conversations])
    responses = plain_ids(tokenizer, [conversation[-1]["content"] for conversation in conversations])
    return [Spans(head, p, middle, r, tail) for p, r in zip(prompts, responses, strict=True)]


def plain_ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Tokens of each text without any special token."""
    batch = tokenizer(
        texts,
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    return [list(ids) for ids in batch["input_ids"]]


def pair_frame(tokenizer: Any) -> tuple[list[int], list[int], list[int]]:
    """Special tokens that the tokenizer puts before, between and after two segments."""
    [first], [second] = (plain_ids(tokenizer, [text]) for text in ("a", "b"))
    ids = list(tokenizer("a", "b")["input_ids"])
    start = next(i for i in range(len(ids)) if ids[i : i + len(first)] == first)
    after_first = start + len(first)
    middle_end = next(i for i in range(after_first, len(ids)) if ids[i : i + len(second)] == second)
    return ids[:start], ids[after_first:middle_end], ids[middle_end + len(second) :]
