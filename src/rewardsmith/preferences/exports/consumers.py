"""The consumers that preferences can be exported for: one file and one line here each."""

from __future__ import annotations

from rewardsmith.preferences.exports.datasets import DATASETS
from rewardsmith.preferences.exports.llamafactory import LLAMAFACTORY
from rewardsmith.preferences.exports.ms_swift import MS_SWIFT
from rewardsmith.preferences.exports.nemo_rl import NEMO_RL
from rewardsmith.preferences.exports.openrlhf import OPENRLHF
from rewardsmith.preferences.exports.outgoing import Export
from rewardsmith.preferences.exports.trl import TRL

EXPORTS: dict[str, Export] = {
    export.name: export for export in (TRL, OPENRLHF, LLAMAFACTORY, MS_SWIFT, NEMO_RL, DATASETS)
}
