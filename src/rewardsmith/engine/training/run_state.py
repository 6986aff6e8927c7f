"""What a training run has to remember besides its step: weights, optimiser state and random states, as plain tensors.

Everything is stored by the names that the parameters have in the module itself, whole. So a run may go on with another
number of processes, sharded (FSDP2) or not.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from rewardsmith.engine.training.checkpoints import Checkpoint, Checkpoints
from rewardsmith.engine.training.optimizers import load_optimizer_tensors, optimizer_tensors
from rewardsmith.models.members.averaging import RunningMean

Parts = dict[str, dict[str, Tensor]]


def changing_tensors(module: Any) -> dict[str, Tensor]:
    """What training can change: parameters that are not frozen, and buffers that would be saved."""
    parameters = dict(module.named_parameters(remove_duplicate=False))
    trained = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    buffers = {name: value for name, value in module.state_dict(keep_vars=True).items() if name not in parameters}
    return {**trained, **buffers}


def capture(module: Any, optimizer: Any, learned: Parts, accelerator: Accelerator) -> Parts:
    """The state of a run. All processes have to call it; the tensors are whole on the main one.

    ``learned``: parts besides these, which are left out where they are empty.
    """
    names = {parameter: name for name, parameter in module.named_parameters()}
    return {
        "model": _whole(changing_tensors(module), accelerator),
        "optimizer": _whole(optimizer_tensors(optimizer, names), accelerator),
        "random": _random_states(accelerator),
        **{part: tensors for part, tensors in learned.items() if tensors},
    }


def restore(checkpoint: Checkpoint, module: Any, optimizer: Any, accelerator: Accelerator) -> None:
    """Puts a module, its optimizer and the random generators of this process back into the state of a checkpoint."""
    saved = checkpoint.tensors("model")
    with torch.no_grad():
        for name, tensor in changing_tensors(module).items():
            tensor.copy_(_sharded_like(tensor, saved[name]))
    parameters = dict(module.named_parameters())
    state = {
        full_name: _sharded_like(parameters[full_name.rsplit("/", 1)[0]], value)
        for full_name, value in checkpoint.tensors("optimizer").items()
    }
    load_optimizer_tensors(optimizer, {parameter: name for name, parameter in parameters.items()}, state)
    _set_random_states(checkpoint.tensors("random"), accelerator)


def weights_from_shards(model: Any, accelerator: Accelerator) -> dict[str, Tensor] | None:
    """All weights of a sharded model on the main process; None where each process has a whole model anyway.

    All processes have to call it.
    """
    state = model.state_dict()
    if not any(isinstance(tensor, DTensor) for tensor in state.values()):
        return None
    return _whole(state, accelerator)


def average_with_earlier(module: Any, checkpoints: Checkpoints, num: int, num_steps: int) -> int:
    """Gives a trained module the mean of its weights and those of the last ``num - 1`` checkpoints; their number.

    Of those that were due: one that an interruption left is no part of the run.
    The mean of adapters is that of their two factors, each for itself.
    """
    tensors = changing_tensors(module)
    mean = RunningMean()
    whole = checkpoints.whole()
    earlier = (found for found in whole if found.step < num_steps and checkpoints.due(found.step))
    for checkpoint in reversed(list(islice(earlier, num - 1))):
        saved = checkpoint.tensors("model")
        mean.add({name: _sharded_like(tensor, saved[name]).to(tensor.device) for name, tensor in tensors.items()})
    mean.add(tensors)
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(mean.tensors[name])
    return mean.num


def _whole(tensors: dict[str, Tensor], accelerator: Accelerator) -> dict[str, Tensor]:
    gathered: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        value = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if accelerator.is_main_process:
            gathered[name] = value.detach().cpu()
    return gathered


def _sharded_like(target: Tensor, whole: Tensor) -> Tensor:
    if isinstance(target, DTensor) and target.shape == whole.shape:  # a step count has no shards
        return distribute_tensor(whole.to(target.device), target.device_mesh, target.placements)
    return whole


def _random_states(accelerator: Accelerator) -> dict[str, Tensor]:
    """The generators of PyTorch, a row a process: nothing else draws during training."""
    states = {"cpu": torch.get_rng_state()}
    kind = accelerator.device.type
    if kind != "cpu":
        states[kind] = torch.get_device_module(kind).get_rng_state()
    return {name: accelerator.gather(state[None].to(accelerator.device)).cpu() for name, state in states.items()}


def _set_random_states(states: dict[str, Tensor], accelerator: Accelerator) -> None:
    process, kind = accelerator.process_index, accelerator.device.type
    if process >= len(states["cpu"]):  # fewer processes before: nothing of this one to go on from
        return
    torch.set_rng_state(states["cpu"][process].clone())
    if kind in states and kind != "cpu":
        torch.get_device_module(kind).set_rng_state(states[kind][process].clone())
