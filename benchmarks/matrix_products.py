"""The machine's own rate on matrix products of a model's shapes: what its linear layers could reach at most."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

NUM_TOKENS = 2048
NUM_REPEATS = 7


def block_rate(model_path: str, device: str, bf16: bool = False) -> dict[str, Any]:
    """Median GFLOP/s over a transformer block's linear layers: forward, gradient of the input, gradient of the weight.

    Float32, or bfloat16 where asked for. Nothing else runs: no norms, no attention, no optimiser.
    """
    from rewardsmith.engine.hardware.devices import use_all_cores
    from rewardsmith.models.loading.reward_models import load_reward_model

    use_all_cores()
    model, _, _ = load_reward_model(model_path)
    dtype = torch.bfloat16 if bf16 else torch.float32
    trunk = getattr(model, model.base_model_prefix)
    layers = next(module for module in trunk.modules() if isinstance(module, nn.ModuleList))
    weights = [module.weight.detach() for module in layers[0].modules() if isinstance(module, nn.Linear)]
    triples = [_operands(weight.to(device, dtype)) for weight in weights]
    flop = sum(3 * 2 * NUM_TOKENS * weight.numel() for weight in weights)
    rates = []
    for _ in range(NUM_REPEATS + 1):
        began = time.perf_counter()
        for weight, inputs, gradient in triples:
            inputs @ weight.T
            gradient @ weight
            gradient.T @ inputs
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        rates.append(flop / (time.perf_counter() - began) / 1e9)
    return {"gflop_per_s": median(rates[1:]), "greatest": max(rates[1:])}


def _operands(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    outputs, inputs = weight.shape
    return weight, torch.randn(NUM_TOKENS, inputs).to(weight), torch.randn(NUM_TOKENS, outputs).to(weight)
