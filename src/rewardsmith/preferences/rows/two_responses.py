"""One prompt and two responses out of the shapes in which files hold them: strings or message lists, prompt apart,
inside, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rewardsmith.contracts.conversations import Message
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, read_messages, read_prompt, user
from rewardsmith.preferences.rows.prompts import PROMPTS, with_prompt


def read_fields(record: Mapping[str, object], prompt_key: str | None, chosen_key: str, rejected_key: str) -> Pair:
    """The pair in the named columns; without a prompt column, the prompt is what both responses begin with."""
    for key in (chosen_key, rejected_key) if prompt_key is None else (prompt_key, chosen_key, rejected_key):
        if key not in record:
            raise BadRowError("missing_field", f'there is no "{key}"')
    chosen, rejected = record[chosen_key], record[rejected_key]
    for key, value in ((chosen_key, chosen), (rejected_key, rejected)):
        if value is None or (isinstance(value, str | list) and not value):
            raise BadRowError("empty_field", f'"{key}" is empty')
    prompt = None if prompt_key is None else record[prompt_key]
    if isinstance(chosen, str) and isinstance(rejected, str):
        if prompt_key is None:
            return split_strings(chosen, rejected)
        if prompt is None or (isinstance(prompt, list) and not prompt):
            raise BadRowError("empty_field", f'"{prompt_key}" is empty')
        before = read_prompt(prompt, prompt_key)
        if prompt_key != PROMPTS[0] and isinstance(prompt, str) and prompt.strip():
            chosen, rejected = _without(prompt, chosen, rejected)
        return Pair(before, assistant(chosen), assistant(rejected))
    before = [] if prompt is None or prompt_key is None else read_prompt(prompt, prompt_key) if prompt else []
    sides = (_turns(chosen, chosen_key, before), _turns(rejected, rejected_key, before))
    return split_conversations(*(with_prompt(before, turns) for turns in sides))


def _turns(value: object, key: str, prompt: list[Message]) -> list[Message]:
    """The turns of one side; beside messages, a text is a response only where the prompt stands apart."""
    if not isinstance(value, str):
        return read_messages(value, key)
    if not prompt:
        raise BadRowError("wrong_type", f'"{key}" is text, and the other response is none')
    return [assistant(value)]


def split_conversations(chosen: Sequence[Message], rejected: Sequence[Message]) -> Pair:
    """The pair in two whole conversations: the last turn of each is the response, all before it the prompt."""
    for name, conversation in (("chosen", chosen), ("rejected", rejected)):
        if not conversation or conversation[-1]["role"] != "assistant":
            raise BadRowError("no_response", f"the {name} conversation does not end with a turn of the assistant")
    if list(chosen[:-1]) != list(rejected[:-1]):
        raise BadRowError("different_prompts", "the chosen and the rejected conversation differ before the last turn")
    return Pair(list(chosen[:-1]), chosen[-1], rejected[-1])


def split_strings(chosen: str, rejected: str) -> Pair:
    """The pair in two strings: the prompt is their common beginning, up to the start of the word where they part.

    TRL cuts at the first differing character; cutting before the word keeps responses from beginning inside one. No
    common beginning, or equal strings: the prompt is empty.
    """
    cut = 0 if chosen == rejected else _common_length(chosen, rejected)
    while cut and not chosen[cut - 1].isspace():
        cut -= 1
    prompt = chosen[:cut]
    if not prompt.strip():
        return Pair([], assistant(chosen), assistant(rejected))
    return Pair([user(prompt)], assistant(chosen[cut:]), assistant(rejected[cut:]))


def _without(prompt: str, chosen: str, rejected: str) -> tuple[str, str]:
    """Both texts without the prompt, where both begin with it and go on."""
    if all(text.startswith(prompt) and text[len(prompt) :].strip() for text in (chosen, rejected)):
        return chosen[len(prompt) :], rejected[len(prompt) :]
    return chosen, rejected


def _common_length(a: str, b: str) -> int:
    """Length of the common beginning, by bisection: comparing slices is far faster than characters."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
