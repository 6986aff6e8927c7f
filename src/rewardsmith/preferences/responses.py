"""Unlabelled rows: a prompt with one response or several, or a whole conversation that ends with the response."""

from __future__ import annotations

from collections.abc import Mapping

from rewardsmith.contracts.conversations import Conversation, Message
from rewardsmith.preferences.messages import (
    assistant,
    is_message_list,
    read_messages,
    read_prompt,
    user,
    with_our_names,
)
from rewardsmith.preferences.problems import BadRowError, required

PROMPTS = ("prompt", "instruction", "question", "query", "input", "context")
RESPONSES = ("responses", "completions", "generations", "candidates", "response", "completion", "output", "answer")
CONVERSATIONS = ("messages", "conversation", "conversations")
_TEXTS = ("response", "completion", "text", "output", "generated_text")


def find_response_key(record: Mapping[str, object]) -> str | None:
    """The column that holds the response or responses, by its name; None where there is none."""
    return next((key for key in (*RESPONSES, *CONVERSATIONS) if record.get(key) is not None), None)


def texts_not_read(record: Mapping[str, object], key: str, prompt_key: str | None) -> list[str]:
    """Columns with a text of several words that is neither the response nor the prompt."""
    read = {key, _prompt_column(record, key, prompt_key)}
    return [name for name, value in record.items() if name not in read and isinstance(value, str) and " " in value]


def holds_several(value: object) -> bool:
    """Whether a value is a list of responses rather than one: a list of messages is one."""
    return isinstance(value, list) and not _is_conversation(value)


def read_conversations(
    record: Mapping[str, object], key: str, prompt_key: str | None, several: bool
) -> list[Conversation | None]:
    """A conversation for each response in the column ``key``, None for a missing one of several.

    Raises ``BadRowError``, also where all are missing.
    """
    value = required(record, key)
    if several != holds_several(value):
        expected = "a list of responses" if several else "one response"
        raise BadRowError("wrong_type", f'"{key}" is not {expected}, as in most rows')
    prompt = _prompt(record, key, prompt_key)
    responses = value if isinstance(value, list) and several else [value]
    if all(response is None for response in responses):
        raise BadRowError("empty_field", f'"{key}" holds no response')
    return [None if response is None else _conversation(prompt, response, key) for response in responses]


def _conversation(prompt: list[Message] | None, response: object, key: str) -> Conversation:
    if isinstance(response, Mapping) and "role" not in response and "from" not in response:
        found = next((name for name in _TEXTS if response.get(name) is not None), None)
        if found is None:
            raise BadRowError("missing_field", f'"{key}" holds an object without {", ".join(_TEXTS)}')
        response = response[found]
    if isinstance(response, str):
        if prompt is None:
            raise BadRowError("missing_field", f"there is no prompt ({', '.join(PROMPTS)})")
        return [*prompt, assistant(response)]
    turns = read_messages(with_our_names(response), key)
    if not turns:
        raise BadRowError("empty_field", f'"{key}" is empty')
    if prompt is None or turns[: len(prompt)] == prompt:
        return turns
    if any(turn["role"] == "user" for turn in turns):  # the whole conversation, with its own prompt
        return turns
    return [*prompt, *turns]


def _prompt(record: Mapping[str, object], response_key: str, prompt_key: str | None) -> list[Message] | None:
    if prompt_key is not None:
        required(record, prompt_key)
    key = _prompt_column(record, response_key, prompt_key)
    if key is None:
        return None
    value, more = record[key], record.get("input")
    if prompt_key is None and key == "instruction" and isinstance(value, str) and isinstance(more, str) and more:
        return [user(f"{value}\n{more}")]  # Alpaca's form: what to do, and what to do it with
    return read_prompt(with_our_names(value), key)


def _prompt_column(record: Mapping[str, object], response_key: str, prompt_key: str | None) -> str | None:
    return prompt_key or next((key for key in PROMPTS if key != response_key and record.get(key) is not None), None)


def _is_conversation(value: object) -> bool:
    return is_message_list(with_our_names(value))
