"""ms-swift's form: ``messages`` ends with the chosen response; the other is ``rejected_response`` (one text, or
messages that take the place of all that follows the user's last turn) or ends ``rejected_messages``."""

from __future__ import annotations

from rewardsmith.contracts.conversations import Message
from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError, required
from rewardsmith.preferences.rows.messages import assistant, read_messages
from rewardsmith.preferences.rows.two_responses import split_conversations

_REJECTED = ("rejected_response", "rejected_messages")


def _matches(record: Record) -> bool:
    return isinstance(record.get("messages"), list) and any(record.get(key) is not None for key in _REJECTED)


def _read(record: Record) -> Pair:
    chosen = _messages(record, "messages")
    if record.get("rejected_messages") is not None:
        return split_conversations(chosen, _messages(record, "rejected_messages"))
    if not any(message["role"] == "user" for message in chosen):
        raise BadRowError("missing_field", '"messages" has no turn of the user, so there is no prompt')
    num_turns = max(i for i, message in enumerate(chosen) if message["role"] == "user") + 1
    return split_conversations(chosen, [*chosen[:num_turns], *_rejected_turns(record.get("rejected_response"))])


def _messages(record: Record, key: str) -> list[Message]:
    return read_messages(required(record, key), key)


def _rejected_turns(value: object) -> list[Message]:
    if value is None:
        raise BadRowError("missing_field", f"there is neither {_REJECTED[0]} nor {_REJECTED[1]}")
    return [assistant(value)] if isinstance(value, str) else read_messages(value, _REJECTED[0])


MS_SWIFT = Format("ms_swift", ("messages", *_REJECTED), _matches, _read)
