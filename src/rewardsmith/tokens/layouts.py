"""The three layouts of a conversation, each as five runs of tokens that truncation can work on."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewardsmith.contracts.conversations import Conversation, as_text
from rewardsmith.tokens.chat_template import render_chat, response_bounds, template_suffix
from rewardsmith.tokens.data_tokenizer import DataTokenizer
from rewardsmith.tokens.transcript import encoder_prompt, plain_prompt


@dataclass(frozen=True, slots=True)
class Spans:
    """``head`` (BOS, CLS), ``prompt``, ``middle`` (separators), ``response``, ``tail`` (end of turn, EOS, SEP)."""

    head: list[int]
    prompt: list[int]
    middle: list[int]
    response: list[int]
    tail: list[int]


def chat_spans(data: DataTokenizer, conversations: Sequence[Conversation]) -> tuple[list[Spans], int]:
    """Through the model's chat template; also the number of conversations it refused until they were reshaped.

    The template gives one text and the tokenizer adds no special token to it, which is what
    ``apply_chat_template(tokenize=True)`` does; the text is kept because only its offsets tell where the response is.
    """
    tokenizer = data.tokenizer
    veiled = [data.holds_special(conversation) for conversation in conversations]
    suffix = template_suffix(tokenizer)
    texts, bounds, num_adapted = [], [], 0
    for conversation, is_veiled in zip(conversations, veiled, strict=True):
        (text, messages), adapted = render_chat(tokenizer, data.veiled(conversation) if is_veiled else conversation)
        start, end = response_bounds(tokenizer, messages, text, suffix)
        if is_veiled:
            parts = [data.unveiled(part) for part in (text[:start], text[start:end], text[end:])]
            text, start, end = "".join(parts), len(parts[0]), len(parts[0]) + len(parts[1])
        texts.append(text)
        bounds.append((start, end))
        num_adapted += adapted
    spans = split_at_response(data, texts, bounds, veiled)
    return [with_one_bos_and_an_end(tokenizer, span) for span in spans], num_adapted


def split_at_response(
    data: DataTokenizer, texts: list[str], bounds: list[tuple[int, int]], veiled: list[bool]
) -> list[Spans]:
    """Tokens of each text, split at the two bounds. A token across a bound belongs to the response."""
    found = data.tokens(texts, veiled)
    if not data.is_fast:
        each = zip(texts, bounds, veiled, found, strict=True)
        return [split_by_counting(data, text, *bound, is_veiled, one.ids) for text, bound, is_veiled, one in each]
    spans = []
    for (ids, offsets), (start, end) in zip(found, bounds, strict=True):
        first = bisect_left(offsets, start + 1, key=lambda offset: offset[1])
        last = max(first, bisect_left(offsets, end, key=lambda offset: offset[0]))
        spans.append(Spans([], ids[:first], [], ids[first:last], ids[last:]))
    return spans


def split_by_counting(data: DataTokenizer, text: str, start: int, end: int, veiled: bool, ids: list[int]) -> Spans:
    """The same for a tokenizer written in Python, which gives no offsets."""
    before, after = data.tokens([text[:start], text[end:]], [veiled, veiled])
    last = len(ids) - len(after.ids)
    first = min(len(before.ids), last)
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


def plain_spans(data: DataTokenizer, conversations: Sequence[Conversation]) -> list[Spans]:
    """A labelled transcript that ends with the response and EOS, for decoders without a chat template."""
    prompts = [plain_prompt(conversation[:-1], conversation[-1]["role"]) for conversation in conversations]
    texts = [prompt + as_text(conversation[-1]) for prompt, conversation in zip(prompts, conversations, strict=True)]
    bounds = [(len(prompt), len(text)) for prompt, text in zip(prompts, texts, strict=True)]
    spans = split_at_response(data, texts, bounds, [data.holds_special(text) for text in texts])
    return [with_one_bos_and_an_end(data.tokenizer, span) for span in spans]


def encoder_spans(data: DataTokenizer, conversations: Sequence[Conversation]) -> list[Spans]:
    """``[CLS] prompt [SEP] response [SEP]`` with the tokenizer's own separators (RoBERTa writes two in the middle)."""
    head, middle, tail = pair_frame(data.tokenizer)
    prompts = text_ids(data, [encoder_prompt(conversation[:-1]) for conversation in conversations])
    responses = text_ids(data, [as_text(conversation[-1]) for conversation in conversations])
    return [Spans(head, p, middle, r, tail) for p, r in zip(prompts, responses, strict=True)]


def text_ids(data: DataTokenizer, texts: list[str]) -> list[list[int]]:
    """Tokens of each text; none of them is special."""
    return [found.ids for found in data.tokens(texts, [data.holds_special(text) for text in texts])]


def pair_frame(tokenizer: Any) -> tuple[list[int], list[int], list[int]]:
    """Special tokens that the tokenizer puts before, between and after two segments."""
    first, second = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("a", "b"))
    ids = list(tokenizer("a", "b")["input_ids"])
    start = next(i for i in range(len(ids)) if ids[i : i + len(first)] == first)
    after_first = start + len(first)
    middle_end = next(i for i in range(after_first, len(ids)) if ids[i : i + len(second)] == second)
    return ids[:start], ids[after_first:middle_end], ids[middle_end + len(second) :]
