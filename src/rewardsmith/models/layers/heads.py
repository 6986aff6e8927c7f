"""The scalar head of a reward model, and rewards read by attention mask."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from rewardsmith.errors import ModelError


class RewardOutput(NamedTuple):
    """What a reward model gives for N conversations. A tuple of tensors passes through every wrapper of a module."""

    rewards: Float[Tensor, " N"]
    """In float32."""
    states: Float[Tensor, "N D"]
    """What the reward's output layer multiplies: a decoder's last hidden states at the ends, BERT's pooled state."""


def switch_dropout_off(config: Any) -> None:
    """Sets every dropout rate of a configuration to 0: a reward must not depend on chance."""
    for part in {id(config): config, id(config.get_text_config()): config.get_text_config()}.values():
        for name, value in list(vars(part).items()):
            if ("dropout" in name or name.endswith("pdrop")) and isinstance(value, float):
                setattr(part, name, 0.0)


def core_of(model: Any) -> Any:
    """The sequence-classification model, whether adapters are on it or not."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


def head_names(model: Any) -> list[str]:
    """Modules above the backbone that have weights: ``score`` for decoders, ``classifier`` for BERT."""
    return [
        name
        for name, child in model.named_children()
        if name != model.base_model_prefix and any(True for _ in child.parameters())
    ]


def output_layer(model: Any) -> nn.Linear:
    """The linear layer whose single output is the reward."""
    layers = [module for name in head_names(model) for module in getattr(model, name).modules()]
    found = [module for module in layers if isinstance(module, nn.Linear) and module.out_features == 1]
    if not found:
        raise ModelError(f"{type(model).__name__} has no head with one output, so it gives no reward.")
    return found[-1]


def initialise_head(model: Any, seed: int) -> None:
    """Draws the reward's weights from N(0, 1/sqrt(D+1)) (standard deviation; Stiennon et al. 2020), bias 0."""
    layer = output_layer(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        drawn = torch.randn(layer.weight.shape, generator=generator) / math.sqrt(layer.in_features + 1)
        layer.weight.copy_(drawn)
        if layer.bias is not None:
            layer.bias.zero_()


def compute_rewards(model: Any, batch: dict[str, Shaped[Tensor, "B T"]]) -> Float[Tensor, " B"]:
    """Rewards of a padded batch in float32; padding, its side and the other rows change nothing.

    ``batch`` holds what ``pad_batch`` gives. The last token is the last that the attention mask calls real, whatever
    its id.
    """
    arguments = padded_on_the_right({name: tensor for name, tensor in batch.items() if name != "response_mask"})
    last = arguments["attention_mask"].sum(1) - 1
    return read_head(model, arguments, lambda h: h[torch.arange(len(last), device=h.device), last]).rewards


def read_head(model: Any, arguments: dict[str, Any], last: Callable[[Tensor], Tensor]) -> RewardOutput:
    """What a sequence-classification model called with ``arguments`` gives.

    Decoders: ``last`` picks the hidden states [N, D] that count, and only those meet the head, in float32. Encoders:
    the model's own output.
    """
    core = core_of(model)
    if not has_score_head(core):
        with _input_of(output_layer(core)) as states:
            logits: Tensor = model(**arguments).logits
        return RewardOutput(logits[:, 0].float(), states[-1])
    trunk = getattr(core, core.base_model_prefix)
    ends = last(trunk(**arguments, use_cache=False).last_hidden_state)
    return RewardOutput(apply_head(core.score, ends), ends)


@contextmanager
def _input_of(layer: nn.Module) -> Iterator[list[Tensor]]:
    """What the layer is called with, call after call."""
    found: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, arguments: found.append(arguments[0]))
    try:
        yield found
    finally:
        handle.remove()


def has_score_head(core: Any) -> bool:
    """Whether a model is a decoder whose reward is read at the last token."""
    return isinstance(getattr(core, "score", None), nn.Module)


def padded_on_the_right(batch: dict[str, Shaped[Tensor, "B T"]]) -> dict[str, Shaped[Tensor, "B T"]]:
    """The same rows with their real tokens first: learned positions and BERT's pooler count from the first column."""
    mask = batch["attention_mask"]
    if bool(mask[:, 0].all()):
        return batch
    columns = torch.arange(mask.shape[1], device=mask.device)
    start = mask.argmax(1, keepdim=True)
    return {name: tensor.gather(1, (columns + start) % mask.shape[1]) for name, tensor in batch.items()}


@torch.no_grad()
def head_inputs(model: Any, vectors: Float[Tensor, "N D"]) -> Float[Tensor, "N D"] | None:
    """What the reward's linear layer reads, from the trunk's last states where it is read.

    Decoders: the states themselves. BERT: what its pooler makes of the first token. None for other heads.
    """
    if has_score_head(model):
        return vectors
    if not reads_first_token(model):
        return None
    pooled: Tensor = getattr(model, model.base_model_prefix).pooler(vectors[:, None])
    return pooled


def reads_first_token(model: Any) -> bool:
    """Whether a model is an encoder whose reward reads what BERT's pooler makes of the first token, and no other."""
    pooler = getattr(getattr(model, model.base_model_prefix), "pooler", None)
    return isinstance(pooler, nn.Module) and isinstance(getattr(model, "classifier", None), nn.Linear)


def apply_head(head: nn.Module, hidden: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
    """Rewards of hidden states, multiplied in float32 whatever the trunk computes in."""
    with torch.autocast(device_type=hidden.device.type, enabled=False), exact_products():
        if isinstance(head, nn.Linear):
            bias: Tensor | None = head.bias
            bias = bias if bias is None else bias.float()
            return nn.functional.linear(hidden.float(), head.weight.float(), bias)[:, 0]
        # peft wraps the head, and only the wrapper knows which copy of it is the trained one.
        rewards: Tensor = head(hidden.to(next(head.parameters()).dtype))
        return rewards[:, 0].float()


@contextmanager
def exact_products() -> Iterator[None]:
    """Within it, float32 matrices are not rounded to a shorter type before they are multiplied."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
