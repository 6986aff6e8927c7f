"""OpenRLHF's form: ``chosen`` and ``rejected`` as whole conversations, and ``margin``.

Its reward and its DPO trainer both read these columns by default. Our own reader sees TRL's form with the prompt
inside.
"""

from __future__ import annotations

from rewardsmith.preferences.exports.outgoing import Export, one_file
from rewardsmith.preferences.exports.trl import conversation_rows

OPENRLHF = Export(
    "openrlhf",
    "OpenRLHF's train_rm",
    frozenset({"margin"}),
    one_file(lambda pairs: conversation_rows(pairs, "chosen", "rejected")),
    "python -m openrlhf.cli.train_rm --data.dataset {path} --data.apply_chat_template --model.margin_loss_enable ...",
)
