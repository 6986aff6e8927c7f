"""Arena form: two responses of two models, and who won.

Responses are ``response_a`` and ``response_b`` (with ``prompt``) or ``conversation_a`` and ``conversation_b`` (whole
conversations). The winner is ``winner`` ("model_a", "model_b", "tie", "tie (bothbad)", ...) or one of
``winner_model_a``, ``winner_model_b``, ``winner_tie`` set to 1. Ties are kept, in the order a, b, with target 0.5.
"""

from __future__ import annotations

import json

from rewardsmith.contracts.conversations import Message
from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError, required, shown
from rewardsmith.preferences.rows.messages import assistant, is_text_list, read_messages, read_response, user
from rewardsmith.preferences.rows.prompts import PROMPTS, prompt_key_of, read_prompt_column
from rewardsmith.preferences.rows.two_responses import split_conversations

_TARGETS = {
    **dict.fromkeys(("model_a", "a", "response_a", "assistant_a", "left"), 1.0),
    **dict.fromkeys(("model_b", "b", "response_b", "assistant_b", "right"), 0.0),
    **dict.fromkeys(("tie", "tie (bothbad)", "tie(bothbad)", "bothbad", "both_bad", "both bad"), 0.5),
}
_FLAGS = {"winner_model_a": 1.0, "winner_model_b": 0.0, "winner_tie": 0.5}
_SIDES = (("response_a", "response_b"), ("conversation_a", "conversation_b"))


def _matches(record: Record) -> bool:
    return any(a in record and b in record for a, b in _SIDES) and ("winner" in record or "winner_model_a" in record)


def _read(record: Record) -> Pair:
    target = _target_of_a(record)
    key_a, key_b = next((s for s in _SIDES if s[0] in record and s[1] in record), _SIDES[0])
    given = [(required(record, key), key) for key in (key_a, key_b)]
    a, b = (_conversation(record, value, key) for value, key in given)
    pair = split_conversations(b, a) if target == 0.0 else split_conversations(a, b)
    pair.target = 0.5 if target == 0.5 else 1.0
    judge = record.get("judge")
    pair.annotator_id = judge if isinstance(judge, str) else None
    return pair


def _target_of_a(record: Record) -> float:
    """P(a is better): 1, 0, or 0.5 for a tie."""
    winner = record.get("winner")
    if winner is not None:
        known = _TARGETS.get(winner.strip().lower()) if isinstance(winner, str) else None
        if known is None:
            raise BadRowError("unknown_winner", f'"winner" is {shown(winner)}, not model_a, model_b or tie')
        return known
    won = [target for key, target in _FLAGS.items() if str(record.get(key)).lower() in ("1", "1.0", "true")]
    if len(won) != 1:
        raise BadRowError("unknown_winner", f"{len(won)} of {', '.join(_FLAGS)} are set; exactly one must be")
    return won[0]


def _conversation(record: Record, value: object, key: str) -> list[Message]:
    value = _decoded(value)
    if key.startswith("conversation"):
        return read_messages(value, key)
    prompt_key = prompt_key_of(record)
    if prompt_key is None:
        raise BadRowError("missing_field", f"there is no prompt ({', '.join(PROMPTS)})")
    prompt = _decoded(record[prompt_key])
    if is_text_list(prompt) and is_text_list(value):
        return _interleaved(prompt, value, key)
    return [*read_prompt_column(record, prompt_key), read_response(value, key)]


def _interleaved(prompts: list[str], responses: list[str], key: str) -> list[Message]:
    if len(prompts) != len(responses):
        raise BadRowError("no_response", f'"{key}" has {len(responses)} turns for {len(prompts)} prompts')
    return [turn for p, r in zip(prompts, responses, strict=True) for turn in (user(p), assistant(r))]


def _decoded(value: object) -> object:
    """The list in a text cell such as ``'["first turn", "second turn"]'``, as one public set stores its turns."""
    if isinstance(value, str) and value.startswith('["') and value.endswith('"]'):
        try:
            turns = json.loads(value)
        except ValueError:
            return value
        return turns if is_text_list(turns) else value
    return value


ARENA = Format(
    "arena", ("prompt", "response_a", "response_b", "conversation_a", "conversation_b", "winner"), _matches, _read
)
