"""One training run of TRL's RewardTrainer, as its users start it, with a count of the tokens that it computes."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import pyarrow.parquet as pq
import torch
from computed_tokens import TokenCount, cuda_peak_gib, digest
from datasets import Dataset
from transformers import TrainerCallback
from trl import RewardConfig, RewardTrainer


class _Clock(TrainerCallback):  # type: ignore[misc]
    """Seconds from the first step to behind the last one."""

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds = time.perf_counter() - self.began


def train_trl(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: trains on a block. ``trl`` in ``spec`` is what is given to ``RewardConfig`` beyond what both sides share.

    TRL gets messages and tokenises them itself; the digest lets the caller see that both sides have the same tokens.
    """
    pairs = pq.read_table(spec["pairs"], columns=["prompt", "chosen", "rejected"])
    config = {
        "per_device_train_batch_size": spec["pairs_per_step"],
        "max_length": spec["max_length"],
        **spec["trl"],
    }
    args = RewardConfig(
        output_dir=tempfile.mkdtemp(dir=spec["folder"]),
        learning_rate=spec["learning_rate"],
        num_train_epochs=spec["epochs"],
        lr_scheduler_type="linear",
        warmup_steps=0,
        seed=spec["seed"],
        use_cpu=spec["device"] == "cpu",
        remove_unused_columns=False,
        dataloader_pin_memory=spec["device"] != "cpu",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        **config,
    )
    clock = _Clock()
    rows = Dataset.from_list([{**row, "prompt": row["prompt"] or []} for row in pairs.to_pylist()])
    trainer = RewardTrainer(model=spec["model"], args=args, train_dataset=rows, callbacks=[clock])
    data = trainer.train_dataset
    lengths = [max(len(row["chosen_ids"]), len(row["rejected_ids"])) for row in data]
    trainer.train_dataset = data.add_column(args.length_column_name, lengths)  # what group_by_length sorts by
    tokens = TokenCount.of(trainer.model, training=True)
    outcome = trainer.train()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    return {
        "steps_s": clock.seconds,
        "num_steps": outcome.global_step,
        "computed_tokens": tokens.total,
        "widest_batch_tokens": max(tokens.batches),
        "losses": losses,
        "digest": digest(row[side] for row in data for side in ("chosen_ids", "rejected_ids")),
        "threads": torch.get_num_threads(),
        "peak_gib": cuda_peak_gib(spec["device"]),
    }
