"""A model's chat template: what it writes for a conversation, and where in that the response stands."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

from rewardsmith.contracts.conversations import REASONING, TOOL_CALLS, Conversation, Message, with_fields
from rewardsmith.errors import ModelError, RefusedError
from rewardsmith.tokens.transcript import acceptable_to_strict_templates

TEMPLATE_SECONDS = 10.0
"""Computing time that a template has for one conversation; usual ones need less than a thousandth of a second."""

DATE_CALLS = re.compile(r"strftime_now|datetime|\bnow\s*\(")
SENTINEL = "\u2e28response\u2e29"
SYSTEM_TURN: Message = {"role": "system", "content": "You are helpful."}
"""What stands before an invented conversation where a template demands a system turn."""

Messages = list[dict[str, Any]]


def render_chat(tokenizer: Any, conversation: Conversation) -> tuple[tuple[str, Messages], bool]:
    """Text of a conversation with the messages that gave it, and whether they had to be reshaped."""
    messages: Messages = [with_fields(message) for message in conversation]
    try:
        return (_shown(tokenizer, messages), messages), False
    except RefusedError:
        messages = acceptable_to_strict_templates(conversation)
    try:
        return (_shown(tokenizer, messages), messages), True
    except RefusedError as error:
        roles = ", ".join(message["role"] for message in conversation)
        raise RefusedError(f"the chat template refuses a conversation with the turns {roles}: {error}") from error


def _shown(tokenizer: Any, messages: Messages) -> str:
    """The text; ``RefusedError`` where the template leaves out tool calls, or the reasoning of the response."""
    text = apply_template(tokenizer, messages)
    for names, turns in ((TOOL_CALLS, messages), (REASONING, messages[-1:])):
        found = {name for message in turns for name in names if name in message}
        if found and text == _text_without(tokenizer, messages, names):
            raise RefusedError(f"the chat template does not show the {' and '.join(sorted(found))} of a message")
    return text


def _text_without(tokenizer: Any, messages: Messages, names: Sequence[str]) -> str | None:
    """The text of the messages less some of their parts; None where the template does not take them so."""
    try:
        return apply_template(
            tokenizer, [{key: value for key, value in message.items() if key not in names} for message in messages]
        )
    except RefusedError:
        return None


def apply_template(tokenizer: Any, messages: Sequence[Any]) -> str:
    """The text; ``RefusedError`` with the template's own words where it fails, ``ModelError`` where it never ends."""
    try:
        with at_most(TEMPLATE_SECONDS):
            return str(tokenizer.apply_chat_template(messages, tokenize=False))
    except ModelError:
        raise
    except Exception as error:  # a template is a program of somebody else's: any error can come out of it
        raise RefusedError(" ".join(str(error).split()) or type(error).__name__) from error


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Within it, computing longer is a ``ModelError``. Only the main thread of a Unix process can be stopped so."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    before = signal.signal(signal.SIGVTALRM, partial(_stop, seconds))
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _stop(seconds: float, _number: int, _frame: FrameType | None) -> None:
    raise ModelError(
        f"the chat template was still writing one conversation after {seconds:g} s of computing: it may never end. "
        "Repair the template beside the tokenizer (chat_template.jinja)."
    )


def template_suffix(tokenizer: Any) -> str:
    """What the template writes after the last response."""
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": SENTINEL}]
    try:
        text = apply_template(tokenizer, messages)
    except RefusedError:
        text = apply_template(tokenizer, [SYSTEM_TURN, *messages])
    return text.rpartition(SENTINEL)[2]


def template_depends_on_date(tokenizer: Any) -> bool:
    """Whether the chat template writes the current date, so that rewards are others tomorrow."""
    template = getattr(tokenizer, "chat_template", None)
    templates = template.values() if isinstance(template, dict) else [template or ""]
    return any(DATE_CALLS.search(text) for text in templates)


def response_bounds(tokenizer: Any, messages: Messages, text: str, suffix: str) -> tuple[int, int]:
    """First character of the response in a rendered text, and the one after its last.

    Templates may strip a response or drop parts of it (reasoning), so its start is where a sentinel in its place
    would start.
    """
    content = messages[-1]["content"]
    if len(messages[-1]) > 2:
        return _bounds_of_parts(tokenizer, messages, text, suffix)
    if text.endswith(suffix):
        end = len(text) - len(suffix)
        for form in (content, content.strip()):
            if text.endswith(form, 0, end):
                return end - len(form), end
    marked = apply_template(tokenizer, [*messages[:-1], {**messages[-1], "content": SENTINEL}])
    before, found, after = marked.rpartition(SENTINEL)
    if not found or not text.endswith(after):
        raise RefusedError("the chat template does not show the last message, so there is no response to score.")
    start = len(before) if text.startswith(before) else len(text) - len(after) - len(content)
    return start, len(text) - len(after)


def _bounds_of_parts(tokenizer: Any, messages: Messages, text: str, suffix: str) -> tuple[int, int]:
    """The same for a response with tool calls or reasoning: from where a plain one would part from it to the end."""
    plain = apply_template(tokenizer, [*messages[:-1], {"role": messages[-1]["role"], "content": SENTINEL}])
    both = enumerate(zip(text, plain.rpartition(SENTINEL)[0], strict=False))
    start = next((i for i, (one, other) in both if one != other), plain.rfind(SENTINEL))
    return start, len(text) - len(suffix) if text.endswith(suffix, start) else len(text)
