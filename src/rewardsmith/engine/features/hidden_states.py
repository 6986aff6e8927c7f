"""Reading chosen layers of a trunk in one pass, without computing the layers above them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rewardsmith.models.feature_spec import Pooling
from rewardsmith.models.layers.blocks import num_layers, transformer_blocks

OnLayer = Callable[[int, Tensor], None]


class _EnoughLayersError(Exception):
    """Ends a forward pass once the highest layer asked for has been read."""


@torch.inference_mode()
def read_layers(model: Any, batch: dict[str, Tensor], layers: Sequence[int], on_layer: OnLayer) -> None:
    """Calls ``on_layer(layer, hidden)`` with hidden states [B, T, D] for each layer asked for, lowest first.

    Each state may be freed as soon as it has been read. Numbering as ``FeatureSpec.layer``.
    """
    wanted, top = set(layers), num_layers(model.config)
    blocks = transformer_blocks(model)
    if blocks is None:
        states = model(**batch, output_hidden_states=True).hidden_states
        for layer in sorted(wanted):
            on_layer(layer, states[layer])
        return
    handles = [_hook(blocks, layer, on_layer, last=layer == max(wanted)) for layer in sorted(wanted - {top})]
    try:
        final = model(**batch, **_no_cache(model)).last_hidden_state
        on_layer(top, final)
    except _EnoughLayersError:
        pass
    finally:
        for handle in handles:
            handle.remove()


def _hook(blocks: nn.ModuleList, layer: int, on_layer: OnLayer, last: bool) -> Any:
    """Reads the output of a block, or, for the embedding, the input of the first one."""

    def read(hidden: Any) -> None:
        on_layer(layer, hidden[0] if isinstance(hidden, tuple) else hidden)
        if last:
            raise _EnoughLayersError

    if layer == 0:

        def before(_: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
            read(arguments[0] if arguments else named["hidden_states"])

        return blocks[0].register_forward_pre_hook(before, with_kwargs=True)
    return blocks[layer - 1].register_forward_hook(lambda _module, _inputs, output: read(output))


def _no_cache(model: Any) -> dict[str, bool]:
    """Decoders keep keys and values for generation unless told not to."""
    return {"use_cache": False} if getattr(model.config.get_text_config(), "use_cache", None) is not None else {}


def pooling_weights(pooling: Pooling, attention_mask: Tensor, response_mask: Tensor) -> Float[Tensor, "B T"]:
    """Weights that sum to one over the tokens a pooling averages."""
    chosen = _CHOSEN_BY[pooling](attention_mask.bool(), response_mask)
    return chosen.float() / chosen.sum(1, keepdim=True)


def _first(real: Tensor, _: Tensor | None = None) -> Tensor:
    positions = torch.arange(real.shape[1], device=real.device)
    return real & (positions == torch.where(real, positions, real.shape[1]).amin(1, keepdim=True))


def _last(real: Tensor, _: Tensor | None = None) -> Tensor:
    positions = torch.arange(real.shape[1], device=real.device)
    return real & (positions == torch.where(real, positions, -1).amax(1, keepdim=True))


def _response(real: Tensor, response: Tensor) -> Tensor:
    """An empty response is stood for by the last token."""
    return torch.where(response.any(1, keepdim=True), response, _last(real))


_CHOSEN_BY: dict[Pooling, Callable[[Tensor, Tensor], Tensor]] = {
    "response_mean": _response,
    "mean": lambda real, _: real,
    "last": _last,
    "cls": _first,
}
"""Which tokens a pooling averages [B, T]."""
