"""Training and judging by a forked ensemble: all members in the same passes over the pairs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.artifacts.metrics_log import MetricsLog
from rewardsmith.artifacts.progress import progress, say
from rewardsmith.engine.batches.batch_forms import batch_form
from rewardsmith.engine.hardware.precision import bf16_pays
from rewardsmith.engine.members.forked_batches import (
    ForkedBatch,
    ForkedLoader,
    KeptStates,
    StoredStates,
    encode_for_members,
)
from rewardsmith.engine.members.member_optimizer import MemberAdamW
from rewardsmith.engine.training.accelerators import BF16
from rewardsmith.engine.training.checkpoints import Checkpoints, work_before
from rewardsmith.engine.training.interrupts import Interrupts
from rewardsmith.engine.training.optimizers import rate_factor
from rewardsmith.engine.training.options import CheckpointOptions, TrainOptions
from rewardsmith.engine.training.reward_training import check_options
from rewardsmith.errors import ConfigError, RunError
from rewardsmith.models.members import ForkedModel, default_fork_layer, fork
from rewardsmith.models.options import LoraOptions
from rewardsmith.objectives.noise_aware import believed_target
from rewardsmith.objectives.preference import centering_loss, preference_loss, weighted_mean
from rewardsmith.tokens.encoding import ConversationEncoder

NAMED_PAIRS = 5
TINY = 1e-30  # a weight far below that of any pair


@dataclass(frozen=True)
class ForkedOutcome:
    """A trained ensemble and what it says about every pair."""

    forked: ForkedModel
    gaps: NDArray[np.float32]
    """[N, M], in the order of the table: pairs that a member trained on and others alike."""
    num_steps: int
    num_truncated: int
    """Pairs of which a conversation lost tokens."""
    train_seconds: float
    score_seconds: float
    last: dict[str, float]
    """The last line of the log."""


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
    log: MetricsLog | None = None,
    save_to: Path | None = None,
    saving: CheckpointOptions | None = None,
    quiet: bool = False,
    heads: Float[Tensor, "M D"] | None = None,
) -> ForkedOutcome:
    """Forks a fresh reward model in place, trains its members, and takes the gaps of all pairs in one last pass.

    ``member_weights`` [N, M]: 0 keeps a pair from a member; they multiply the weights of the table. A member makes no
    step where it has no pair, so it ends as it would have alone. ``fork_layer`` None: three quarters up.
    ``max_tokens_per_batch`` bounds tokens times members above the fork. ``save_to`` is a folder for checkpoints, from
    which an interrupted run goes on. ``heads`` are where the members' heads begin; None: drawn at random.
    """
    check_options(options)
    if options.gradient_checkpointing or options.selective_checkpointing == "on" or options.train_layers != -1:
        raise ConfigError(
            "forked members have no --gradient_checkpointing, --selective_checkpointing or --train_layers: less memory "
            "takes a lower --max_tokens_per_batch, fewer trained blocks a higher --fork_layer."
        )
    if options.on_long_pair != "truncate":
        raise ConfigError(f"--on_long_pair {options.on_long_pair}: forked members judge every pair; use truncate.")
    if options.dropout:
        raise ConfigError(f"`dropout` {options.dropout}: forked members have none; use 0.")
    if options.data_smoothing or options.batch_margin:
        raise ConfigError(
            f"forked members have neither --data_smoothing ({options.data_smoothing}) nor --batch_margin "
            f"({options.batch_margin}): set both to 0."
        )
    encoded, weights = encode_for_members(encoder, pairs, member_weights, quiet)
    layer = default_fork_layer(model.config) if fork_layer is None else fork_layer
    form = batch_form(model.to(device), encoder, options.packing)
    forked = fork(model, layer, weights.shape[1], lora, seed).to(device)
    if heads is not None:
        forked.set_heads(heads)
    loader = ForkedLoader(
        encoded,
        weights,
        form,
        pairs_per_step=options.per_device_train_batch_size * options.gradient_accumulation_steps,
        seed=seed,
        max_rows=options.max_tokens_per_batch,
        num_epochs=options.num_train_epochs,
        max_steps=options.max_steps,
    )
    begun_in = work_before(save_to).get(BF16) if save_to is not None else None
    bf16 = bf16_pays(torch.device(device).type, options.bf16) if begun_in is None else bool(begun_in)
    checkpoints = None
    if save_to is not None:
        kept = saving or CheckpointOptions()
        work = {"pairs": len(encoded), "steps": loader.num_steps, "members": weights.shape[1], "fork_layer": layer}
        work |= {"packed": form.packed, BF16: bf16}
        checkpoints = Checkpoints(save_to, kept.save_steps, kept.save_total_limit, work)
    run = ForkedRun(forked, loader, options, torch.device(device), checkpoints, bf16=bf16)
    run.train(log, quiet)
    started = time.perf_counter()
    gaps = run.gaps(loader.all_pairs(), quiet)
    score_seconds = time.perf_counter() - started
    return ForkedOutcome(
        forked, gaps, loader.num_steps, encoded.num_truncated, run.seconds, score_seconds, run.meter.line
    )


class ForkedRun:
    """The loop: like that of `loop.py`, with losses, clipping and clocks of every member its own.

    ``states``: where those of the trunk are taken from; None: they are computed, and those of the last epoch serve its
    judging.
    """

    def __init__(
        self,
        forked: ForkedModel,
        loader: ForkedLoader,
        options: TrainOptions,
        device: torch.device,
        checkpoints: Checkpoints | None = None,
        states: StoredStates | None = None,
        bf16: bool = False,
    ) -> None:
        self.device, self.bf16 = device, bf16
        self.kept: StoredStates = states or KeptStates()
        self.meter = _Meter()
        self.seconds = 0.0
        self._forked, self._loader, self._options, self._checkpoints = forked, loader, options, checkpoints
        self._parameters = forked.member_parameters
        self._optimizer = MemberAdamW(list(self._parameters.values()), options.weight_decay, options.max_grad_norm)

    @property
    def _saves(self) -> bool:
        return self._checkpoints is not None and self._checkpoints.wanted

    def train(
        self, log: MetricsLog | None = None, quiet: bool = False, after_epoch: Callable[[int], None] = lambda _: None
    ) -> None:
        """All steps that are left. ``after_epoch`` is told of every whole epoch that ends, counted from 1."""
        options, num_steps = self._options, self._loader.num_steps
        done = self._resume()
        before, started = self.seconds, time.perf_counter()
        if log is not None:
            log.cut_back(done)
        with (
            progress("Training members", num_steps, quiet) as bar,
            Interrupts() if self._saves else nullcontext() as interrupts,
        ):
            bar.advance(done)
            for number, (epoch, batches) in enumerate(self._loader.from_step(done), start=done + 1):
                rate = options.learning_rate * rate_factor(number - 1, num_steps, options)
                losses = [self._backward(batch, self._loader.in_last_epoch(number)) for batch in batches]
                norms = self._optimizer.step(rate, self._loader.active(batches))
                self._optimizer.zero_grad()
                self._stop_unless_finite(losses, norms, batches, number)
                self.seconds = before + time.perf_counter() - started
                bar.advance()
                if number % options.logging_steps == 0 or number == num_steps:
                    line = self.meter.read(step=number, epoch=epoch, learning_rate=rate, seconds=self.seconds)
                    bar.note(loss=line["loss"], accuracy=line["accuracy"], pairs_per_s=line["pairs_per_s"])
                    if log is not None:
                        log.log(**line)
                interrupted = interrupts is not None and interrupts.received is not None
                self._save_if_due(number, force=number == num_steps or interrupted)
                if interrupts is not None:
                    interrupts.act()
                if number % self._loader.steps_per_epoch == 0:
                    after_epoch(number // self._loader.steps_per_epoch)

    @torch.inference_mode()
    def gaps(self, batches: Iterable[ForkedBatch], quiet: bool = False) -> NDArray[np.float32]:
        """Reward of the chosen response less that of the rejected one, of every pair by every member [N, M].

        0 for pairs that are in none of the batches, which the loader makes for judging.
        """
        gaps = np.zeros((len(self._loader.pairs), self._forked.num_members), dtype=np.float32)
        with progress("Judging pairs", len(gaps), quiet) as bar, _precision(self.device, self.bf16):
            for batch in batches:
                moved = batch.to(self.device)
                states = self.kept.take(batch)
                states = self._forked.lower_states(moved.inputs) if states is None else states
                for part in moved.passes():
                    chosen, rejected = self._forked(part.inputs, part.members, states).chunk(2, dim=-1)
                    gaps[np.ix_(batch.indices, part.members.cpu().numpy())] = (chosen - rejected).T.cpu().numpy()
                bar.advance(len(batch.indices))
        return gaps

    def _backward(self, batch: ForkedBatch, comes_back: bool) -> Tensor:
        """Gradients of one batch; gives the losses of its pairs [m, B]."""
        batch = batch.to(self.device)
        losses = []
        states = self.kept.take(batch)
        if states is None:
            with _precision(self.device, self.bf16):
                states = self._forked.lower_states(batch.inputs)
            if comes_back:
                self.kept.keep(batch, states)
        for part in batch.passes():
            with _precision(self.device, self.bf16):
                rewards = self._forked(part.inputs, part.members, states)
            chosen, rejected = rewards.chunk(2, dim=-1)
            per_pair = _loss(chosen - rejected, part)
            if self._options.center_rewards_coefficient:
                per_pair = per_pair + self._options.center_rewards_coefficient * centering_loss(chosen, rejected)
            torch.autograd.backward(weighted_mean(per_pair, part.weight, part.total_weight).sum())
            self.meter.add(per_pair.detach(), (chosen - rejected).detach(), part.weight, part.target)
            losses.append(per_pair.detach())
        self.meter.count(len(batch.indices), batch.inputs.num_tokens)
        return torch.cat(losses)

    def _stop_unless_finite(self, losses: list[Tensor], norms: Tensor, batches: list[ForkedBatch], number: int) -> None:
        if math.isfinite((norms.sum() + sum(loss.sum() for loss in losses)).item()):
            return
        pairs = self._loader.pairs
        guilty = {
            int(index): int(batch.members[member])
            for batch, loss in zip(batches, losses, strict=True)
            for member, column in (~torch.isfinite(loss)).nonzero().tolist()
            for index in [batch.indices[column]]
        }
        named = [f"row {pairs.row[i]} ({pairs.pair_id[i][:12]}), member {member}" for i, member in guilty.items()]
        places = "; ".join(named[:NAMED_PAIRS]) or f"members {(~torch.isfinite(norms)).nonzero().flatten().tolist()}"
        saved = self._checkpoints.last_good() if self._checkpoints else "Nothing was saved."
        raise RunError(
            f"step {number}: the {'loss' if named else 'gradient'} is not a finite number, for {places}. {saved} Look "
            "at these pairs; if it is all of them, the weights have diverged: lower --learning_rate or --max_grad_norm."
        )

    def _save_if_due(self, number: int, force: bool) -> None:
        checkpoints = self._checkpoints
        if checkpoints is None or not checkpoints.wanted or not (force or checkpoints.due(number)):
            return
        weights: dict[str, Tensor] = {**self._parameters}
        parts = {"members": weights, "optimizer": self._optimizer.state()}
        checkpoints.save(number, parts, {"seconds": self.seconds, "meter": self.meter.state()})

    def _resume(self) -> int:
        found = self._checkpoints.newest() if self._checkpoints is not None else None
        if found is None:
            return 0
        saved = found.tensors("members")
        for name, parameter in self._parameters.items():
            parameter.data.copy_(saved[name])
        self._optimizer.load_state(found.tensors("optimizer"))
        self.seconds = found.state["seconds"]
        self.meter.load(found.state["meter"])
        say(f"Going on from {found.path}, after {found.step:,} steps.")
        return found.step


class _Meter:
    """Sums over pairs and members since the last line of the log."""

    def __init__(self) -> None:
        self.line: dict[str, float] = {}
        self._totals: dict[str, Any] = {}
        self._seconds = 0.0

    def add(self, loss: Tensor, gap: Tensor, weight: Tensor, target: Tensor) -> None:
        """One pass: everything [m, B]."""
        agreement = torch.sign(gap) * torch.sign(target - 0.5) * (weight > 0)  # 0: a tie of rewards or of the label
        sums = {
            "weighted_loss": torch.where(weight > 0, loss * weight, 0.0).sum(),
            "weight": weight.sum(),
            "num_clear": agreement.abs().sum(),
            "num_correct": (agreement > 0).sum(),
        }
        for name, value in sums.items():
            self._totals[name] = self._totals.get(name, 0) + value

    def count(self, num_pairs: int, num_tokens: int) -> None:
        """What a batch held; members do not count here."""
        self._totals["num_pairs"] = self._totals.get("num_pairs", 0) + num_pairs
        self._totals["num_tokens"] = self._totals.get("num_tokens", 0) + num_tokens

    def read(self, seconds: float, **position: float) -> dict[str, float]:
        """A line of the log: means over the pairs of all members, and speed."""
        totals = self._floats()
        passed = max(seconds - self._seconds, 1e-9)
        self._totals, self._seconds = {}, seconds
        self.line = {
            **position,
            "loss": totals["weighted_loss"] / max(TINY, totals["weight"]),
            "accuracy": totals["num_correct"] / max(1.0, totals["num_clear"]),
            "pairs_per_s": totals["num_pairs"] / passed,
            "tokens_per_s": totals["num_tokens"] / passed,
        }
        return self.line

    def state(self) -> dict[str, Any]:
        """For a run that goes on from here."""
        return {"totals": self._floats(), "seconds": self._seconds, "line": self.line}

    def load(self, state: dict[str, Any]) -> None:
        """Takes up what ``state`` gave."""
        self._totals, self._seconds, self.line = state["totals"], state["seconds"], state["line"]

    def _floats(self) -> dict[str, float]:
        return {name: float(value) for name, value in self._totals.items()}


def _precision(device: torch.device, bf16: bool) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16)


def _loss(gap: Float[Tensor, "m B"], batch: ForkedBatch) -> Float[Tensor, "m B"]:
    """Cost of each pair, at the target that is believed where labels are known to err."""
    if batch.error_rates is None:
        return preference_loss(gap, batch.target, batch.margin)
    shifted = gap.detach().float() - batch.margin
    believed = believed_target(shifted, batch.target, *batch.error_rates.unbind(-1))
    errs = (batch.error_rates > 0).any(-1)  # rounding must not touch the labels of members that know of no errors
    return preference_loss(gap, torch.where(errs, believed, batch.target), batch.margin)
