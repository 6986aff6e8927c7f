"""The ``forked`` ensemble: M members with adapters and heads of their own above one frozen trunk, trained together.

Members share batches and differ by the groups that they leave out, by random weights of those that they learn from,
and by where their adapters and heads begin.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.artifacts.files.fingerprints import fingerprint_bytes, fingerprint_file, fingerprint_json
from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.hardware.devices import choose_device, use_all_cores
from rewardsmith.engine.members.forked_training import train_forked
from rewardsmith.engine.members.saved_gaps import SavedGaps, read_gaps, save_gaps
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.starting import StartingModel, starting_model
from rewardsmith.models.members.folders import save_members
from rewardsmith.strength.ensembles.ensemble import MakeEnsemble
from rewardsmith.strength.ensembles.head_start import probed_heads
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.model_ensemble import EnsembleJob, EnsembleOutcome, ModelEnsemble

GAPS_FILE = "gaps.safetensors"
CHECKPOINTS = "checkpoints"
LOG = "metrics.jsonl"


def train_forked_members(job: EnsembleJob, target: NDArray[np.float32]) -> EnsembleOutcome:
    """Gaps of all members for all pairs, members having learned ``target`` [N] in place of the file's.

    Raises DataError for too few groups.
    """
    weights, trained = job.membership()
    fingerprint = _fingerprint(job, target, weights)
    result = read_gaps(job.folder / GAPS_FILE, fingerprint)
    if result is None:
        result = _train(job, target, weights)
        save_gaps(job.folder / GAPS_FILE, result, fingerprint)
    shutil.rmtree(job.folder / CHECKPOINTS, ignore_errors=True)
    choice = f"adapters of rank {job.lora.lora_r} above block {result.metrics['fork_layer']}"
    judged = Judgements(result.gaps, trained, (choice,) * result.gaps.shape[1])
    return EnsembleOutcome(judged, result.levels, result.metrics["num_truncated"] / max(1, len(target)))


def _train(job: EnsembleJob, target: NDArray[np.float32], weights: NDArray[np.float32]) -> SavedGaps:
    use_all_cores()
    pairs = with_target(pq.read_table(job.pairs_file), target)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        start = starting_model(job.model, job.seed)
        heads = _heads(job, start, pairs, target, weights)
        outcome = train_forked(
            start.model,
            start.encoder,
            pairs,
            weights,
            job.members.fork_layer,
            job.lora,
            job.training(),
            choose_device(job.model.device),
            job.seed,
            MetricsLog(job.folder / LOG),
            job.folder / CHECKPOINTS,
            job.members.checkpoints,
            job.quiet,
            heads,
        )
    if job.keep_models:
        save_members(outcome.forked, start.tokenizer, job.folder, start.extra)
    metrics = {
        "num_truncated": outcome.num_truncated,
        "num_steps": outcome.training.num_steps,
        "fork_layer": outcome.forked.layer,
        "train_runtime_s": outcome.training.seconds,
        "train_loss": outcome.training.last["loss"],
    }
    return SavedGaps.of(outcome.rewards, metrics)


def _heads(
    job: EnsembleJob, start: StartingModel, pairs: pa.Table, target: NDArray[np.float32], weights: NDArray[np.float32]
) -> Tensor | None:
    """Where the members' heads begin; None: drawn at random."""
    if job.members.head_start == "drawn":
        return None
    own = pairs["weight"].to_numpy().astype(np.float32)[:, None]
    source = resolve_model(job.model.model_name_or_path, job.model.model_revision)
    dtype = job.strength.feature_dtype
    heads = probed_heads(
        start.model, source, start.encoder, pairs, target, weights * own, job.groups, job.seed, job.model.device, dtype
    )
    if heads is None:
        say(f"{start.source_name} has a head that cannot be probed: members' heads begin at random.")
    return heads


def with_target(pairs: pa.Table, target: NDArray[np.float32]) -> pa.Table:
    """The same pairs with other labels [N]."""
    index = pairs.schema.get_field_index("target")
    return pairs.set_column(index, pairs.schema.field(index), pa.array(target, pa.float32()))


def _fingerprint(job: EnsembleJob, target: NDArray[np.float32], weights: NDArray[np.float32]) -> str:
    """Of all that decides the result."""
    options = flatten(job.training()) | flatten(job.model) | flatten(job.lora)
    labels = fingerprint_bytes(target.tobytes(), weights.tobytes())
    start = [job.members.head_start, job.strength.feature_dtype]
    return fingerprint_json(
        [options, start, job.members.fork_layer, job.seed, fingerprint_file(Path(job.pairs_file)), labels]
    )


make_ensemble: MakeEnsemble = partial(ModelEnsemble, train=train_forked_members)
