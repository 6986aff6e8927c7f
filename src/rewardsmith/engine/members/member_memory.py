"""How many members this machine can train at the same time."""

from __future__ import annotations

import os
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.hardware.devices import choose_device, free_memory
from rewardsmith.engine.members.member_training import MemberSpec
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_config

TRAINED_BYTES = 16  # weight, gradient and the two moments of AdamW, in float32
FROZEN_BYTES = 4
WORKING_BYTES = 5 * 2**29  # libraries, activations of a batch, data: what SmolLM2-135M was measured to take besides
GIB = 2**30


def affordable(parallel: int, spec: MemberSpec) -> int:
    """``parallel``, or fewer where cores or memory are too few for as many, which is said. At least 1."""
    device = choose_device(spec.model.device)
    available, need = free_memory(device), member_memory(spec)
    limits = {f"{available / GIB:.1f} GiB of memory, at {need / GIB:.1f} GiB a member": available // need}
    if device == "cpu":
        limits[f"{num_cores()} cores"] = num_cores()
    reason, number = min(limits.items(), key=lambda limit: limit[1])
    if number >= parallel:
        return parallel
    number = max(1, number)
    say(f"`parallel_members` {parallel}: there are {reason}. Training {number} at a time.")
    return number


def member_memory(spec: MemberSpec) -> int:
    """Bytes that training one member takes at most, roughly."""
    config = load_config(resolve_model(spec.model.model_name_or_path, spec.model.model_revision))
    architecture: Any = AutoModelForSequenceClassification
    with torch.device("meta"):
        model = architecture.from_config(config)
    num_parameters: int = sum(parameter.numel() for parameter in model.parameters())
    return WORKING_BYTES + num_parameters * (FROZEN_BYTES if spec.lora.use_peft else TRAINED_BYTES)


def num_cores() -> int:
    """Cores that this process may use; OMP_NUM_THREADS has the last word."""
    named = os.environ.get("OMP_NUM_THREADS", "")
    if named.isdigit() and int(named) > 0:
        return int(named)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
