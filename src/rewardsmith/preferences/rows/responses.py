"""Unlabelled rows: a prompt with one response or several, or a whole conversation that ends with the response."""

from __future__ import annotations

from collections.abc import Mapping

from rewardsmith.contracts.conversations import Conversation, Message
from rewardsmith.preferences.problems import BadRowError, required
from rewardsmith.preferences.rows.messages import (
    ROLES,
    assistant,
    is_message_list,
    read_messages,
    read_prompt,
)
from rewardsmith.preferences.rows.prompts import (
    CONVERSATIONS,
    PROMPTS,
    prompt_key_of,
    read_prompt_column,
    with_prompt,
    with_system,
)

RESPONSES = ("responses", "completions", "generations", "candidates", "response", "completion", "output", "answer")
_TEXTS = ("response", "completion", "text", "output", "generated_text")


def find_response_key(record: Mapping[str, object]) -> str | None:
    """The column that holds the response or responses, by its name; None where there is none."""
    return next((key for key in (*RESPONSES, *CONVERSATIONS) if record.get(key) is not None), None)


def holds_several(value: object) -> bool:
    """Whether a value is a list of responses rather than one: the turns of a conversation are one."""
    if not isinstance(value, list):
        return False
    return not is_message_list(value) or (len(value) > 1 and all(map(_is_answer, value)))


def _is_answer(message: object) -> bool:
    return isinstance(message, Mapping) and ROLES.get(str(message.get("role", message.get("from")))) == "assistant"


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
    return [
        None if response is None else with_system(record, _conversation(prompt, response, key))
        for response in responses
    ]


def _conversation(prompt: list[Message] | None, response: object, key: str) -> list[Message]:
    if isinstance(response, Mapping) and "role" not in response and "from" not in response:
        found = next((name for name in _TEXTS if response.get(name) is not None), None)
        if found is None:
            raise BadRowError("missing_field", f'"{key}" holds an object without {", ".join(_TEXTS)}')
        response = response[found]
    if isinstance(response, str):
        if prompt is None:
            raise BadRowError("missing_field", f"there is no prompt ({', '.join(PROMPTS)})")
        return [*prompt, assistant(response)]
    turns = read_messages(response, key)
    if not turns:
        raise BadRowError("empty_field", f'"{key}" is empty')
    return with_prompt(prompt or [], turns)


def _prompt(record: Mapping[str, object], response_key: str, prompt_key: str | None) -> list[Message] | None:
    if prompt_key is not None:
        required(record, prompt_key)
    key = prompt_key or prompt_key_of(record, response_key)
    if key is None:
        return None
    if prompt_key is None and response_key != "input":
        return read_prompt_column(record, key)
    return read_prompt(record[key], key)
