"""The unlabelled samples that a training run names, read and checked as its pairs are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from rewardsmith.artifacts.atomic import write_jsonl
from rewardsmith.artifacts.progress import say
from rewardsmith.contracts.conversations import Refusals
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.row_fields import columns_not_read
from rewardsmith.preferences.samples import SampleSet, load_samples
from rewardsmith.workflows.options import TrainConfig
from rewardsmith.workflows.origins import META_INPUT

META_QUARANTINE = "meta_quarantine.jsonl"


def meta_samples(config: TrainConfig, refusals: Refusals) -> SampleSet | None:
    """Those of ``meta_dataset``; rows that the model does not take are quarantined too."""
    if config.meta.meta_dataset is None:
        return None
    samples = load_samples(
        config.meta.meta_dataset,
        RowOptions(dataset_name=config.meta.meta_dataset, on_bad_row=config.data.on_bad_row),
        refusals,
    )
    if samples.quarantine:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in samples.quarantine_by_reason.items())
        num_rows = len(samples.table) + len(samples.quarantine)
        say(f"{len(samples.quarantine):,} of {num_rows:,} rows of {samples.name} cannot be used: {reasons}.")
    if samples.columns_not_read:
        say(f"{samples.name}: {columns_not_read(samples.columns_not_read)}")
    return samples


def meta_inputs(samples: SampleSet | None) -> dict[str, str]:
    """Their files for the manifest, under names that tell them from what labels were learned from."""
    return {f"{META_INPUT}{name}": print_ for name, print_ in samples.sources.items()} if samples else {}


def write_meta_quarantine(folder: Path, samples: SampleSet | None) -> None:
    """Keeps the rows that cannot be used."""
    if samples is not None and samples.quarantine:
        write_jsonl(folder / META_QUARANTINE, (asdict(row) for row in samples.quarantine))
        say(f"Rows of {samples.name} that cannot be used: see {META_QUARANTINE}.")


def say_shared_prompts(samples: SampleSet | None, eval_pairs: pa.Table | None) -> None:
    """Says how many prompts that the model is evaluated on are among the samples: such a test is not unseen."""
    if samples is None or eval_pairs is None:
        return
    tested = set(eval_pairs["prompt_id"].to_pylist())
    if shared := len(tested & set(samples.table["prompt_id"].to_pylist())):
        say(f"{shared:,} of {len(tested):,} evaluation prompts are also among the samples of {samples.name}.")
