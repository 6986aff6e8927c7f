"""Training and judging by a forked ensemble: all members in the same passes over the pairs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.artifacts.terminal.progress import progress
from rewardsmith.engine.batches.batch_forms import batch_form
from rewardsmith.engine.members.forked_batches import ForkedBatch, KeptStates, StoredStates
from rewardsmith.engine.members.forked_source import ForkedSource, encode_for_members
from rewardsmith.engine.members.forked_step import ForkedStep, states_of
from rewardsmith.engine.members.member_optimizer import MemberAdamW
from rewardsmith.engine.training.accelerators import BF16, computes_in_bf16, make_accelerator
from rewardsmith.engine.training.checkpoints import Checkpoints, work_before
from rewardsmith.engine.training.loop import Log, TrainOutcome, Watch, train
from rewardsmith.engine.training.options import CheckpointOptions, TrainOptions, check_options
from rewardsmith.errors import ConfigError
from rewardsmith.models.members.forked_model import ForkedModel, default_fork_layer, fork
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.encoding import ConversationEncoder


@dataclass(frozen=True)
class ForkedOutcome:
    """A trained ensemble and what it says about every pair."""

    forked: ForkedModel
    rewards: NDArray[np.float32]
    """[2, N, M] of the chosen and the rejected responses, in the order of the table: pairs that a member trained on and
    others alike."""
    training: TrainOutcome
    num_truncated: int
    """Pairs of which a conversation lost tokens."""
    score_seconds: float

    @property
    def gaps(self) -> NDArray[np.float32]:
        """[N, M]: reward of the chosen response less that of the rejected one."""
        return np.asarray(self.rewards[0] - self.rewards[1])


def train_forked(
    model: Any,
    encoder: ConversationEncoder,
    pairs: pa.Table,
    member_weights: NDArray[np.float32],
    fork_layer: int | None,
    lora: LoraOptions,
    options: TrainOptions,
    device: str = "cpu",
    seed: int = 0,
    log: Log | None = None,
    save_to: Path | None = None,
    saving: CheckpointOptions | None = None,
    quiet: bool = False,
    heads: Float[Tensor, "M D"] | None = None,
) -> ForkedOutcome:
    """Forks a fresh reward model in place, trains its members, and takes the rewards of all pairs in one last pass.

    ``member_weights`` [N, M]: 0 keeps a pair from a member; they multiply the weights of the table. A member makes no
    step where it has no pair, so it ends as it would have alone. ``fork_layer`` None: three quarters up.
    ``max_tokens_per_batch`` bounds tokens times members above the fork. ``save_to`` is a folder for checkpoints, from
    which an interrupted run goes on. ``heads`` are where the members' heads begin; None: drawn at random.
    """
    _refuse_what_members_lack(options)
    encoded, weights = encode_for_members(encoder, pairs, member_weights, quiet)
    layer = default_fork_layer(model.config) if fork_layer is None else fork_layer
    form = batch_form(model.to(device), encoder, options.packing)
    forked = fork(model, layer, weights.shape[1], lora, seed).to(device)
    if heads is not None:
        forked.set_heads(heads)
    source = ForkedSource(
        encoded,
        weights,
        form,
        pairs_per_step=options.per_device_train_batch_size * options.gradient_accumulation_steps,
        seed=seed,
        max_rows=options.max_tokens_per_batch,
        num_epochs=options.num_train_epochs,
        max_steps=options.max_steps,
    )
    accelerator = make_accelerator(device, options.bf16, work_before(save_to) if save_to is not None else None)
    checkpoints = None
    if save_to is not None:
        kept = saving or CheckpointOptions()
        work = {"pairs": len(encoded), "steps": source.num_steps, "members": weights.shape[1], "fork_layer": layer}
        work |= {"packed": form.packed, BF16: computes_in_bf16(accelerator)}
        checkpoints = Checkpoints(save_to, kept.save_steps, kept.save_total_limit, work)
    states = KeptStates()
    outcome = train_members(forked, source, states, options, accelerator, log, checkpoints, quiet=quiet)
    started = time.perf_counter()
    rewards = judged_rewards(forked, source.all_pairs(), len(encoded), states, accelerator, quiet)
    return ForkedOutcome(forked, rewards, outcome, encoded.num_truncated, time.perf_counter() - started)


def train_members(
    forked: ForkedModel,
    source: ForkedSource,
    states: StoredStates,
    options: TrainOptions,
    accelerator: Accelerator,
    log: Log | None = None,
    checkpoints: Checkpoints | None = None,
    watch: Watch | None = None,
    quiet: bool = False,
) -> TrainOutcome:
    """The training loop over all members. ``ConfigError`` for several processes."""
    if accelerator.num_processes > 1:
        raise ConfigError(
            "forked members are trained in one process, where they share every pass; several processes take `ensemble` "
            "full, each member of which is a training of its own."
        )
    optimizer = MemberAdamW(list(forked.member_parameters.values()), options.learning_rate, options.weight_decay)
    step = ForkedStep(forked, optimizer, states, options.center_rewards_coefficient)
    description = "Training members"
    return train(forked, source, step, options, accelerator, log, checkpoints, optimizer, watch, description, quiet)


@torch.inference_mode()
def judged_rewards(
    forked: ForkedModel,
    batches: Iterable[ForkedBatch],
    num_pairs: int,
    states: StoredStates,
    accelerator: Accelerator,
    quiet: bool = False,
) -> NDArray[np.float32]:
    """Of the chosen and the rejected responses, of every pair by every member [2, N, M].

    0 for pairs that are in none of the batches, which a ``ForkedSource`` makes for judging.
    """
    rewards = np.zeros((2, num_pairs, forked.num_members), dtype=np.float32)
    with progress("Judging pairs", num_pairs, quiet) as bar, accelerator.autocast():
        for batch in batches:
            moved = batch.to(accelerator.device)
            entering = states_of(forked, moved, states, accelerator)
            for part in moved.passes():
                members = part.members.cpu().numpy()
                for side, found in zip(
                    rewards, forked(part.inputs, part.members, entering).chunk(2, dim=-1), strict=True
                ):
                    side[np.ix_(batch.indices, members)] = found.T.cpu().numpy()
            bar.advance(len(batch.indices))
    return rewards


def _refuse_what_members_lack(options: TrainOptions) -> None:
    check_options(options)
    if options.gradient_checkpointing or options.selective_checkpointing == "on" or options.train_layers != -1:
        raise ConfigError(
            "forked members have no `gradient_checkpointing`, `selective_checkpointing` or `train_layers`: less memory "
            "takes a lower `max_tokens_per_batch`, fewer trained blocks a higher `fork_layer`."
        )
    if options.on_long_pair != "truncate":
        raise ConfigError(f"`on_long_pair` {options.on_long_pair}: forked members judge every pair; use truncate.")
    if options.dropout:
        raise ConfigError(f"`dropout` {options.dropout}: forked members have none; use 0.")
    if options.data_smoothing or options.batch_margin:
        raise ConfigError(
            f"forked members have neither `data_smoothing` ({options.data_smoothing}) nor `batch_margin` "
            f"({options.batch_margin}), which follow one model's gaps while they have many: set both to 0."
        )
    if options.norm_bt:
        raise ConfigError("`norm_bt`: forked members have none, since it goes by the states of one model.")
