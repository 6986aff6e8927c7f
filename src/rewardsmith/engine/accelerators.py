"""Where and in which precision the loop runs: one place that makes accelerate's ``Accelerator``."""

from __future__ import annotations

import os

from accelerate import Accelerator, FullyShardedDataParallelPlugin  # type: ignore[import-untyped]
from accelerate.state import AcceleratorState, PartialState  # type: ignore[import-untyped]
from accelerate.utils import DistributedType  # type: ignore[import-untyped]

from rewardsmith.engine.precision import bf16_pays
from rewardsmith.errors import ConfigError

ASKED_FOR_FSDP = "ACCELERATE_USE_FSDP"
NOT_SUPPORTED = (DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM, DistributedType.XLA)


def make_accelerator(device: str = "cpu", bf16: bool = False) -> Accelerator:
    """An accelerator for a device; under ``accelerate launch`` or ``torchrun`` also for its processes.

    ``bf16`` is autocast, on a CPU only where that is faster.

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
    accelerator = Accelerator(cpu=device == "cpu", mixed_precision="bf16" if bf16_pays(device, bf16) else None)
    if sharded and accelerator.distributed_type == DistributedType.MULTI_CPU:
        _shard_on_cpu(accelerator)
    if accelerator.distributed_type in NOT_SUPPORTED:
        raise ConfigError(f"Training with {accelerator.distributed_type.value} is not supported; use FSDP2 or DDP.")
    if accelerator.distributed_type == DistributedType.FSDP and not accelerator.is_fsdp2:
        raise ConfigError("FSDP of version 1 is not supported: pass --fsdp_version 2 to accelerate launch.")
    return accelerator


def _shard_on_cpu(accelerator: Accelerator) -> None:
    """accelerate has FSDP on accelerators only and drops the wish for it on CPUs, although PyTorch can do it there."""
    accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin()
    accelerator.state.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP
