"""ms-swift's form: ``messages`` ends with the chosen response, ``rejected_messages`` with the other; ``margin``.

ms-swift puts a lone ``rejected_response`` after the last turn of the user; whole conversations leave no doubt where
the prompt ends. A system message must come first.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewardsmith.preferences.exports.outgoing import Export, one_file
from rewardsmith.preferences.exports.trl import conversation_rows


def _takes_roles(roles: Sequence[str]) -> bool:
    return "system" not in roles[1:]


MS_SWIFT = Export(
    "ms_swift",
    "ms-swift's rlhf --rlhf_type rm",
    frozenset({"margin"}),
    one_file(lambda pairs: conversation_rows(pairs, "messages", "rejected_messages")),
    "swift rlhf --rlhf_type rm --dataset {path} ...",
    takes_roles=_takes_roles,
    takes_extra=False,
)
