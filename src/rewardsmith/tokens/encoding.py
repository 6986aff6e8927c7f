"""The only place where conversations become tokens.

Three layouts, chosen by the tokenizer: the model's own chat template; for the BERT family two segments,
``[CLS] prompt [SEP] response [SEP]``; for base decoders a plain transcript, ``User: ...``, ``Assistant: ...``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rewardsmith.contracts.conversations import Conversation, Message
from rewardsmith.errors import ModelError, RefusedError, RewardsmithError
from rewardsmith.tokens.chat_template import SYSTEM_TURN
from rewardsmith.tokens.data_tokenizer import DataTokenizer
from rewardsmith.tokens.layouts import Spans, chat_spans, encoder_spans, plain_spans

MIN_MAX_LENGTH = 8
LAYOUT_VERSION = 2
REFUSAL_CHUNK = 512
"""Conversations that are tried together before halves of them are."""

CHECK_CONVERSATIONS: tuple[tuple[Message, ...], ...] = (
    ({"role": "user", "content": "Is 1,024 = 2^10?"}, {"role": "assistant", "content": "Yes, it is.\n"}),
    (
        {"role": "user", "content": "Sag na\u00efve \U0001f600\n\nauf  Deutsch."},
        {"role": "assistant", "content": " Gutgl\u00e4ubig. "},
        {"role": "user", "content": "Merci"},
        {"role": "assistant", "content": "\u4f60\u597d"},
    ),
)

Side = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Tokens of one conversation. ``input_ids[response_start:response_end]`` is the response, without end marks."""

    input_ids: list[int]
    response_start: int
    response_end: int
    num_cut: int
    view: int = 0
    """Equal conversations of different views are computed apart: dropout tells them from one another."""


class ConversationEncoder:
    """Turns conversations into tokens of one model; the last message of a conversation is its response.

    ``max_length`` counts every token, special ones included. A longer conversation loses tokens on
    ``truncation_side`` and says how many: ``left`` cuts the prompt from its beginning and touches the response only
    when nothing of the prompt is left; ``right`` cuts the response from its end. The first BOS (or CLS) and the end
    of turn (EOS, SEP) always stay.
    """

    def __init__(self, tokenizer: Any, max_length: int = 512, truncation_side: Side = "left") -> None:
        if max_length < MIN_MAX_LENGTH:
            raise ModelError(
                f"`max_length` {max_length} is too short to hold a conversation; use {MIN_MAX_LENGTH} or more."
            )
        if truncation_side not in ("left", "right"):
            raise ModelError(f"`truncation_side` {truncation_side!r} is not known; use left or right.")
        self.tokenizer = tokenizer
        self._data = DataTokenizer(tokenizer)
        self.max_length = max_length
        self.truncation_side: Side = truncation_side
        self.layout = layout_of(tokenizer)
        self.num_adapted = 0
        """Conversations reshaped so far because the chat template refused them (see `transcript.py`)."""

    @property
    def has_token_types(self) -> bool:
        """Whether the model tells the response from the prompt by token types (BERT does)."""
        return self.layout == "encoder" and "token_type_ids" in self.tokenizer.model_input_names

    @property
    def fingerprint(self) -> str:
        """Equal for two encoders that give the same tokens to every conversation."""
        parts: list[Any] = [
            tokenizer_state(self.tokenizer),
            self.layout,
            self.max_length,
            self.truncation_side,
            LAYOUT_VERSION,
        ]
        if self.layout == "encoder" and not self.has_token_types:
            parts.append("no token types")
        return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def encode(self, conversation: Conversation) -> Encoded:
        return self.encode_many([conversation])[0]

    def encode_many(self, conversations: Sequence[Conversation]) -> list[Encoded]:
        """Tokens of each conversation, in order; faster than one by one.

        ``RefusedError`` where the chat template or the tokenizer does not take one.
        """
        if not len(conversations):
            return []  # the tokenizer would fail on an empty list
        for conversation in conversations:
            if not conversation:
                raise ModelError("a conversation without messages cannot be encoded: its last message is the response.")
        return [truncate(span, self.max_length, self.truncation_side) for span in self._spans(conversations)]

    def _spans(self, conversations: Sequence[Conversation]) -> list[Spans]:
        try:
            if self.layout == "chat":
                spans, num_adapted = chat_spans(self._data, conversations)
                self.num_adapted += num_adapted
                return spans
            return (
                encoder_spans(self._data, conversations)
                if self.layout == "encoder"
                else plain_spans(self._data, conversations)
            )
        except RewardsmithError:
            raise
        except Exception as error:  # what the tokenizers library raises has no class of its own
            raise RefusedError(f"the tokenizer refuses a conversation: {' '.join(str(error).split())}") from error

    def encode_samples(self, conversations: Sequence[Conversation]) -> list[Encoded]:
        """Tokens of invented conversations, with a system turn in front where the template demands one."""
        try:
            return self.encode_many(conversations)
        except RefusedError:
            return self.encode_many([[SYSTEM_TURN, *conversation] for conversation in conversations])

    def refusals(self, conversations: Sequence[Conversation]) -> dict[int, str]:
        """Place of each conversation that cannot be encoded, with the reason.

        They are encoded to find out. Not where there is no template and the tokenizer has a token for the unknown.
        """
        if self.layout != "chat" and self.tokenizer.unk_token_id is not None:
            return {}
        found: dict[int, str] = {}
        for begin in range(0, len(conversations), REFUSAL_CHUNK):
            found |= self._refused(conversations[begin : begin + REFUSAL_CHUNK], begin)
        return found

    def _refused(self, conversations: Sequence[Conversation], first: int) -> dict[int, str]:
        """Finds them by halves. ``first``: place of the first conversation."""
        reason, half = self._refusal(conversations), len(conversations) // 2
        if reason is None:
            return {}
        if not half:
            return {first: reason}
        return self._refused(conversations[:half], first) | self._refused(conversations[half:], first + half)

    def _refusal(self, conversations: Sequence[Conversation]) -> str | None:
        try:
            self.encode_many(conversations)
        except RefusedError as error:
            return str(error)
        return None


def layout_of(tokenizer: Any) -> Literal["chat", "encoder", "plain"]:
    """Which of the three layouts a tokenizer gets."""
    if getattr(tokenizer, "chat_template", None):
        return "chat"
    if tokenizer.cls_token_id is not None and tokenizer.sep_token_id is not None:
        return "encoder"
    return "plain"


def truncate(spans: Spans, max_length: int, side: Side) -> Encoded:
    """Cut ``head + prompt + middle + response + tail`` to ``max_length``; head, middle and tail stay."""
    room = max_length - len(spans.head) - len(spans.middle) - len(spans.tail)
    if room < 1:
        raise ModelError(f"`max_length` {max_length} leaves no room beside the special tokens; raise it.")
    prompt, response = spans.prompt, spans.response
    excess = max(0, len(prompt) + len(response) - room)
    if side == "left":
        from_prompt = min(excess, len(prompt))
        prompt, response = prompt[from_prompt:], response[excess - from_prompt :]
    else:
        from_response = min(excess, len(response))
        response = response[: len(response) - from_response]
        prompt = prompt[: len(prompt) - (excess - from_response)]
    before = spans.head + prompt + spans.middle
    return Encoded(
        input_ids=before + response + spans.tail,
        response_start=len(before),
        response_end=len(before) + len(response),
        num_cut=excess,
    )


def tokenizer_state(tokenizer: Any) -> list[Any]:
    """All that decides which tokens a text becomes. Padding and truncation settings are left out: they do not."""
    if getattr(tokenizer, "is_fast", False):
        state = json.loads(tokenizer.backend_tokenizer.to_str())
        state.pop("padding", None)
        state.pop("truncation", None)
        vocabulary = json.dumps(state, sort_keys=True)
    else:
        vocabulary = json.dumps([type(tokenizer).__name__, sorted(tokenizer.get_vocab().items())])
    digest = hashlib.sha256(vocabulary.encode()).hexdigest()
    return [digest, getattr(tokenizer, "chat_template", None), tokenizer.bos_token_id, tokenizer.eos_token_id]


def tokens_check(tokenizer: Any) -> str:
    """sha256 of the tokens of fixed conversations: a saved model notices when its tokenizer or template was changed."""
    encoder = ConversationEncoder(tokenizer, max_length=1 << 20)
    ids = [encoded.input_ids for encoded in encoder.encode_samples(CHECK_CONVERSATIONS)]
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()
