"""The unlabelled samples that a training run names, read and checked as its pairs are."""

from __future__ import annotations

import pyarrow as pa

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Refusals
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.unlabelled.samples import SampleSet
from rewardsmith.workflows.inputs.origins import META_INPUT
from rewardsmith.workflows.inputs.sample_files import read_samples
from rewardsmith.workflows.options.train import TrainConfig

META_QUARANTINE = "meta_quarantine.jsonl"


def meta_samples(config: TrainConfig, refusals: Refusals) -> SampleSet | None:
    """Those of ``meta_dataset``; rows that the model does not take are quarantined too."""
    if config.meta.meta_dataset is None:
        return None
    return read_samples(RowOptions(dataset_name=config.meta.meta_dataset, on_bad_row=config.data.on_bad_row), refusals)


def meta_inputs(samples: SampleSet | None) -> dict[str, str]:
    """Their files for the manifest, under names that tell them from what labels were learned from."""
    return {f"{META_INPUT}{name}": print_ for name, print_ in samples.sources.items()} if samples else {}


def say_shared_prompts(samples: SampleSet | None, eval_pairs: pa.Table | None) -> None:
    """Says how many prompts that the model is evaluated on are among the samples: such a test is not unseen."""
    if samples is None or eval_pairs is None:
        return
    tested = set(eval_pairs["prompt_id"].to_pylist())
    if shared := len(tested & set(samples.table["prompt_id"].to_pylist())):
        say(f"{shared:,} of {len(tested):,} evaluation prompts are also among the samples of {samples.name}.")
