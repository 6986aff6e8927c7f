"""AdamW, its learning rate as a function of the step alone, and its state by the names of the parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rewardsmith.engine.training.options import TrainOptions

FUSED_DEVICES = ("cpu", "cuda", "mps")


def make_optimizer(model: Any, options: TrainOptions, device: torch.device) -> torch.optim.AdamW:
    """AdamW over the trainable parameters, in one fused kernel where the device has it."""
    groups = parameter_groups(model, options.weight_decay)
    return torch.optim.AdamW(groups, lr=options.learning_rate, fused=device.type in FUSED_DEVICES)


def parameter_groups(model: Any, weight_decay: float) -> list[dict[str, Any]]:
    """Trainable parameters; only matrices decay, since pulling biases and norms to zero has no meaning."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]


def rate_factor(num_done: int, num_steps: int, options: TrainOptions) -> float:
    """Share of the peak learning rate in the step after ``num_done``: never 0, so that no step is for nothing."""
    num_warmup = math.ceil(options.warmup_ratio * num_steps)
    if num_done < num_warmup:
        return (num_done + 1) / num_warmup
    left = (num_steps - num_done) / max(1, num_steps - num_warmup)
    shapes = {"linear": left, "cosine": 0.5 - 0.5 * math.cos(math.pi * left), "constant": 1.0}
    return shapes[options.lr_scheduler_type]


def set_rates(optimizer: Any, share: float) -> None:
    """The learning rates of the next step: this share of the one that each group began with."""
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * share


def optimizer_tensors(optimizer: Any, names: Mapping[Tensor, str]) -> dict[str, Tensor]:
    """State of every parameter that has taken a step, as ``<parameter>/<state>``."""
    return {
        f"{names[parameter]}/{key}": value
        for group in optimizer.param_groups
        for parameter in group["params"]
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer_tensors(optimizer: Any, names: Mapping[Tensor, str], tensors: Mapping[str, Tensor]) -> None:
    """Gives an optimizer the state that ``optimizer_tensors`` took from another one."""
    by_parameter: dict[str, dict[str, Tensor]] = {}
    for full_name, value in tensors.items():
        name, key = full_name.rsplit("/", 1)
        by_parameter.setdefault(name, {})[key] = value
    content = optimizer.state_dict()
    order = [names[parameter] for group in optimizer.param_groups for parameter in group["params"]]
    content["state"] = {i: by_parameter[name] for i, name in enumerate(order) if name in by_parameter}
    optimizer.load_state_dict(content)
