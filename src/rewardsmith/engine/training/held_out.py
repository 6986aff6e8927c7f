"""Accuracy and loss on pairs that are not learned from, while a model trains: a watcher of the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from numpy.typing import NDArray

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.batches.batch_forms import BatchForm
from rewardsmith.engine.batches.encoded_pairs import encode_all
from rewardsmith.engine.batches.pair_batches import collate_pairs
from rewardsmith.engine.training.accelerators import reshard
from rewardsmith.engine.training.loop import Log, Moment
from rewardsmith.errors import DataError, RunError
from rewardsmith.metrics.accuracy import pair_accuracy
from rewardsmith.metrics.calibration import negative_log_likelihood
from rewardsmith.tokens.encoding import ConversationEncoder

NAMED_PAIRS = 5


@dataclass(frozen=True)
class HeldOut:
    """Pairs to measure on, and how often."""

    pairs: pa.Table
    every: int
    """Optimiser steps from one measurement to the next."""


class HeldOutWatch:
    """Writes ``eval_accuracy`` and ``eval_loss``, as `evaluate` has accuracy and negative log-likelihood.

    Processes share the pairs, and all of them know the gaps. The model computes in the type in which it trains, without
    dropout, and draws no random number: the run goes on as if nobody had looked.
    """

    def __init__(
        self,
        held_out: HeldOut,
        encoder: ConversationEncoder,
        form: BatchForm,
        max_tokens: int,
        accelerator: Accelerator,
        log: Log | None = None,
    ) -> None:
        pairs = held_out.pairs
        counting = pairs.filter(pa.array(pairs.column("weight").to_numpy() > 0))
        if not len(counting):
            raise DataError(f"no pair to measure on: all {len(pairs)} that are held out have weight 0.")
        self._pairs = encode_all(encoder, counting, quiet=not accelerator.is_main_process)
        self._every, self._form, self._accelerator = held_out.every, form, accelerator
        self._log = log if accelerator.is_main_process else None
        computed = np.flatnonzero(self._pairs.differs())  # the other gaps are 0, whatever rounding would make of them
        self._batches = [
            computed[batch] for batch in form.plan([self._pairs.both(i) for i in computed.tolist()], max_tokens)
        ]

    def __call__(self, moment: Moment) -> None:
        if moment.step % self._every:
            return
        gap, target = self._gaps(moment.model), self._pairs.target
        self._stop_unless_finite(gap, moment.step)
        accuracy, loss = pair_accuracy(gap, target).accuracy, negative_log_likelihood(gap, target)
        if self._log is not None:
            self._log.log(step=moment.step, epoch=moment.epoch, eval_accuracy=accuracy, eval_loss=loss)
            shown = "" if accuracy is None else f"accuracy {accuracy:.4f}, "
            say(f"Step {moment.step:,}: {shown}loss {loss:.4f} on {len(gap):,} pairs held out.")

    @torch.no_grad()
    def _gaps(self, model: Any) -> NDArray[np.float32]:
        """Of all pairs [N]. Processes take turns in the batches; some repeat the last one, since all meet in a pass."""
        model.eval()
        rank, num_processes = self._accelerator.process_index, self._accelerator.num_processes
        gap = torch.zeros(len(self._pairs), device=self._accelerator.device)
        last = len(self._batches) - 1
        for first in range(0, last + 1, num_processes):
            mine = first + rank
            batch = collate_pairs(self._pairs, self._batches[min(mine, last)], 1.0, self._form).to(gap.device)
            chosen, rejected = batch.by_pair(model(batch.inputs).rewards)[:, 0]
            if mine <= last:
                gap[batch.indices] = chosen - rejected
        reshard(model)
        total: torch.Tensor = self._accelerator.reduce(gap, reduction="sum")
        return total.cpu().numpy()

    def _stop_unless_finite(self, gap: NDArray[np.float32], step: int) -> None:
        bad = np.flatnonzero(~np.isfinite(gap))
        if len(bad):
            names = ", ".join(self._pairs.name(int(i)) for i in bad[:NAMED_PAIRS])
            more = ", ..." if len(bad) > NAMED_PAIRS else ""
            raise RunError(
                f"step {step}: {len(bad)} of {len(gap)} pairs held out got a reward that is not a finite number: "
                f"{names}{more}. The weights have diverged: lower `learning_rate`."
            )
