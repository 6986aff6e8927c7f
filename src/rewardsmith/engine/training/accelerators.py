"""Where and in which precision the loop runs: one place that makes accelerate's ``Accelerator``."""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from typing import Any

import torch
from accelerate import Accelerator, FullyShardedDataParallelPlugin  # type: ignore[import-untyped]
from accelerate.state import AcceleratorState, PartialState  # type: ignore[import-untyped]
from accelerate.utils import DistributedType, broadcast_object_list  # type: ignore[import-untyped]
from torch.distributed.fsdp import FSDPModule

from rewardsmith.engine.hardware.devices import bf16_pays
from rewardsmith.errors import ConfigError

BF16 = "bf16"
"""Under this name a run says in its checkpoints whether it computes in bfloat16."""
ASKED_FOR_FSDP = "ACCELERATE_USE_FSDP"
NOT_SUPPORTED = (DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM, DistributedType.XLA)


def make_accelerator(device: str = "cpu", bf16: bool = False, before: Mapping[str, Any] | None = None) -> Accelerator:
    """An accelerator for a device; under ``accelerate launch`` or ``torchrun`` also for its processes.

    ``bf16`` is autocast, on a CPU only where that is faster. That is measured once: ``before`` is what an interrupted
    run says that it was (``checkpoints.work_before``), and all processes do as the first one.

    accelerate remembers the first device and precision of a process for good. A second training in the same process
    (a notebook, a study) may want others, so a single process forgets them; several ones have only one run.

    ``ConfigError`` for ways to distribute that the loop was never run with.
    """
    if AcceleratorState._shared_state and PartialState().num_processes == 1:
        AcceleratorState._reset_state(reset_partial_state=True)
    sharded = os.environ.get(ASKED_FOR_FSDP, "false").lower() == "true"
    if sharded:
        # Else transformers leaves all processes but one without weights, and none of those could check its model.
        os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"
    decided = (before or {}).get(BF16)
    shorter = bool(_as_first_process(bf16_pays(device, bf16), device) if decided is None else decided)
    accelerator = Accelerator(cpu=device == "cpu", mixed_precision="bf16" if shorter else None)
    if sharded and accelerator.distributed_type == DistributedType.MULTI_CPU:
        _shard_on_cpu(accelerator)
    if accelerator.distributed_type in NOT_SUPPORTED:
        raise ConfigError(f"Training with {accelerator.distributed_type.value} is not supported; use FSDP2 or DDP.")
    if accelerator.distributed_type == DistributedType.FSDP and not accelerator.is_fsdp2:
        raise ConfigError("FSDP of version 1 is not supported: pass --fsdp_version 2 to accelerate launch.")
    if accelerator.num_processes > 1:
        atexit.register(_leave_the_others)
    return accelerator


def reshard(model: Any) -> None:
    """Lets go of the whole weights that FSDP2 keeps after a forward pass until a backward one comes."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def _leave_the_others() -> None:
    """A process that ends with its threads of communication running is aborted now and then (gloo)."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def computes_in_bf16(accelerator: Accelerator) -> bool:
    """Whether the model is computed under autocast to bfloat16."""
    return bool(accelerator.mixed_precision == "bf16")


def everywhere(accelerator: Accelerator, answer: bool) -> bool:
    """Whether all processes say yes."""
    said = torch.tensor(float(answer), device=accelerator.device)
    return bool(accelerator.reduce(said, reduction="sum").item() == accelerator.num_processes)


def _as_first_process(answer: bool, device: str) -> bool:
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return answer
    PartialState(cpu=device == "cpu")
    return bool(broadcast_object_list([answer])[0])


def _shard_on_cpu(accelerator: Accelerator) -> None:
    """accelerate has FSDP on accelerators only and drops the wish for it on CPUs, although PyTorch can do it there."""
    accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin()
    accelerator.state.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP
