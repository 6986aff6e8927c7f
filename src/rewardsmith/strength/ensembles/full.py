"""The ``full`` ensemble: M reward models fine-tuned from the same start, as in the paper, cross-fitted or not.

The paper's members differ by the order of the data alone (arXiv 2401.06080, section 2.1); so do these where
``crossfit`` is none. Cross-fitted ones differ also by the groups that they leave out and weigh.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from rewardsmith.engine.members.member_runs import run_members
from rewardsmith.engine.members.member_training import MemberSpec, write_labels
from rewardsmith.strength.ensembles.ensemble import MakeEnsemble
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.model_ensemble import EnsembleJob, EnsembleOutcome, ModelEnsemble


def train_full(job: EnsembleJob, target: NDArray[np.float32]) -> EnsembleOutcome:
    """Gaps of all members for all pairs, members having learned ``target`` [N] in place of the file's.

    Raises DataError for too few groups.
    """
    weights, trained = job.membership()
    write_labels(job.folder, target.astype(np.float32), weights)
    runs = [
        MemberSpec(
            folder=str(job.folder),
            pairs_file=str(job.pairs_file),
            number=m,
            order_seed=job.seed + m,
            start_seed=job.seed,
            keep_model=job.keep_models,
            model=job.model,
            train=job.training(),
            lora=job.lora,
            checkpoints=job.members.checkpoints,
        )
        for m in range(job.members.num_members)
    ]
    results = run_members(runs, job.members.parallel_members, job.quiet, job.description)
    gaps = np.stack([result.gaps for result in results], axis=1)
    # With equally many members training on every pair, the share over what they saw is the share of all pairs.
    seen = sum(result.metrics["num_pairs"] for result in results)
    cut = sum(result.metrics["num_truncated"] for result in results)
    choice = f"adapters of rank {job.lora.lora_r} on all blocks" if job.lora.use_peft else "full fine-tuning"
    levels = np.array([result.levels for result in results])
    return EnsembleOutcome(Judgements(gaps, trained, (choice,) * len(results)), levels, cut / seen)


make_ensemble: MakeEnsemble = partial(ModelEnsemble, train=train_full)
