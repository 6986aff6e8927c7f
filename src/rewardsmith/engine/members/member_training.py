"""One member of a `full` ensemble: a reward model trained on its share of the pairs, and its gaps on all of them.

Everything a member needs is in files, so that it can be trained by another process. What member 3 leaves in the folder
of its ensemble: ``03/`` (its model and log) and ``03.safetensors`` (its gaps, written last: the member is finished). An
unfinished member continues from its checkpoints.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.numpy import save as save_safetensors

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.artifacts.files.atomic import atomic_path
from rewardsmith.artifacts.files.fingerprints import fingerprint_file, fingerprint_json
from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.hardware.devices import choose_device, use_all_cores
from rewardsmith.engine.members.saved_gaps import SavedGaps, read_gaps, save_gaps
from rewardsmith.engine.scoring.local_scorer import LocalScorer
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.checkpoints import work_before
from rewardsmith.engine.training.options import CheckpointOptions, TrainOptions
from rewardsmith.engine.training.reward_step import reward_step
from rewardsmith.engine.training.reward_training import train_reward_model
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.reward_models import save_reward_model
from rewardsmith.models.loading.starting import starting_model
from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.preferences.pairs.conversations import pair_conversations

LABELS_FILE = "labels.safetensors"


@dataclass(frozen=True)
class MemberSpec:
    """What one member is and learns. Flat and plain, so that it can be handed to another process as JSON."""

    folder: str
    """Folder of the ensemble; it holds the labels."""
    pairs_file: str
    """The pairs, as Parquet."""
    number: int
    """Which member: its column of the weights."""
    order_seed: int
    """Seed of the order of the pairs: what tells the paper's members apart."""
    start_seed: int
    """Seed of the weights that training begins with, the same for all members."""
    keep_model: bool = True
    """Whether the trained model stays."""
    model: ModelOptions = field(default_factory=ModelOptions)
    train: TrainOptions = field(default_factory=TrainOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    checkpoints: CheckpointOptions = field(default_factory=CheckpointOptions)

    @property
    def name(self) -> str:
        """``00``, ``01``, ..."""
        return f"{self.number:02d}"

    @property
    def model_path(self) -> Path:
        """Where the member's model is saved."""
        return Path(self.folder) / self.name

    @property
    def result_path(self) -> Path:
        """Where its gaps are: present only where the member is finished."""
        return Path(self.folder) / f"{self.name}.safetensors"

    @property
    def checkpoints_path(self) -> Path:
        """Where it can go on from."""
        return self.model_path / "checkpoints"


def write_labels(folder: Path, target: NDArray[np.float32], weights: NDArray[np.float32]) -> None:
    """What the members of an ensemble learn: targets [N], and each one's weights [N, M]."""
    with atomic_path(folder / LABELS_FILE) as path:
        path.write_bytes(save_safetensors({"target": target, "weights": np.ascontiguousarray(weights)}))


def finished_member(spec: MemberSpec) -> SavedGaps | None:
    """The result of an earlier run of this very member, if there is one."""
    return read_gaps(spec.result_path, _fingerprint(spec))


def train_member(spec: MemberSpec, quiet: bool = False) -> SavedGaps:
    """Trains a member, scores every pair with it, and saves both; a finished one is only read."""
    if found := finished_member(spec):
        shutil.rmtree(spec.checkpoints_path, ignore_errors=True)  # a kill may have come between the two
        return found
    use_all_cores()
    pairs = _labelled_pairs(spec)
    device = choose_device(spec.model.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.start_seed)
        start = starting_model(spec.model, spec.start_seed)
        model = add_lora(start.model, spec.lora) if spec.lora.use_peft else start.model
        trained = train_reward_model(
            model,
            start.encoder,
            pairs,
            spec.train,
            make_accelerator(device, spec.train.bf16, work_before(spec.checkpoints_path)),
            reward_step,
            spec.order_seed,
            MetricsLog(spec.model_path / "metrics.jsonl"),
            spec.checkpoints_path,
            spec.checkpoints,
        )
    rewards = rewards_of(LocalScorer(model, start.encoder, spec.train.max_tokens_per_batch, device, quiet=quiet), pairs)
    if spec.keep_model:
        save_reward_model(model, start.tokenizer, spec.model_path, start.extra)
    metrics = {
        "num_pairs": len(trained.pairs),
        "num_truncated": trained.pairs.num_truncated,
        "num_steps": trained.outcome.num_steps,
        "train_runtime_s": trained.outcome.seconds,
        "train_loss": trained.outcome.last["loss"],
    }
    result = SavedGaps.of(rewards, metrics)
    save_gaps(spec.result_path, result, _fingerprint(spec))
    shutil.rmtree(spec.checkpoints_path if spec.keep_model else spec.model_path, ignore_errors=True)
    return result


def rewards_of(scorer: Scorer, pairs: pa.Table) -> NDArray[np.float32]:
    """Of the chosen and the rejected responses [2, N]."""
    chosen, rejected = pair_conversations(pairs)
    return np.asarray(scorer.score([*chosen, *rejected]).rewards, dtype=np.float32).reshape(2, -1)


def _labelled_pairs(spec: MemberSpec) -> pa.Table:
    """The pairs as this member learns them: targets of the ensemble, weights of the set times those of the member."""
    pairs = pq.read_table(spec.pairs_file)
    labels = load_file(Path(spec.folder) / LABELS_FILE)
    weight = pairs["weight"].to_numpy() * labels["weights"][:, spec.number]
    for name, values in (("target", labels["target"]), ("weight", weight)):
        index = pairs.schema.get_field_index(name)
        pairs = pairs.set_column(index, pairs.schema.field(index), pa.array(values, pa.float32()))
    return pairs


def _fingerprint(spec: MemberSpec) -> str:
    """Of all that decides the result: options, pairs, labels."""
    places = ("folder", "pairs_file", "keep_model", "save_steps", "save_total_limit")
    said = {name: value for name, value in flatten(spec).items() if name not in places}
    inputs = [fingerprint_file(spec.pairs_file), fingerprint_file(Path(spec.folder) / LABELS_FILE)]
    return fingerprint_json({**said, "inputs": inputs})
