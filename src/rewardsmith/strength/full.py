"""The ``full`` ensemble: M reward models fine-tuned from the same start, as in the paper, cross-fitted or not.

The paper's members differ by the order of the data alone (arXiv 2401.06080, section 2.1); so do these with
``--crossfit none``. Cross-fitted ones differ also by the groups that they leave out and weigh.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rewardsmith.engine.member_runs import run_members
from rewardsmith.engine.member_training import MemberRun, write_labels
from rewardsmith.engine.options import CheckpointOptions
from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.strength.judgements import Judgements
from rewardsmith.strength.membership import member_weights
from rewardsmith.strength.options import MemberOptions, StrengthOptions


def full_judgements(
    pairs_file: Path,
    target: NDArray[np.float32],
    groups: NDArray[np.int64],
    options: StrengthOptions,
    members: MemberOptions,
    model: ModelOptions,
    lora: LoraOptions,
    checkpoints: CheckpointOptions,
    folder: Path,
    seed: int,
    keep_models: bool = True,
    quiet: bool = False,
    description: str = "Members",
) -> tuple[Judgements, float]:
    """Gaps of all members for all pairs of ``pairs_file``, and the share of pairs of which truncation took something.

    ``target`` [N] is what they learn, in place of the file's. ``folder`` keeps models and gaps: called again after an
    interruption, it goes on. Raises DataError for too few groups.
    """
    rng = np.random.default_rng(seed)
    weights, trained = member_weights(
        groups, members.num_members, options.judges, options.crossfit, rng, members.bootstraps(options)
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_labels(folder, target.astype(np.float32), weights)
    runs = [
        MemberRun(
            folder=str(folder),
            pairs_file=str(pairs_file),
            number=m,
            order_seed=seed + m,
            start_seed=seed,
            keep_model=keep_models,
            model=model,
            train=members.training(adapters_only=lora.use_peft),
            lora=lora,
            checkpoints=checkpoints,
        )
        for m in range(members.num_members)
    ]
    results = run_members(runs, members.parallel_members, quiet, description)
    gaps = np.stack([result.gaps for result in results], axis=1)
    seen = sum(result.metrics["num_pairs"] for result in results)
    cut = sum(result.metrics["num_truncated"] for result in results)
    choice = f"LoRA r={lora.lora_r}, all blocks" if lora.use_peft else "full fine-tuning"
    return Judgements(gaps, trained, (choice,) * len(results)), cut / seen
