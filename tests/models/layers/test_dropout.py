"""Masks of dropout: how often and how independently channels are dropped, and what decides about them."""

from __future__ import annotations

import itertools
from math import sqrt
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.errors import ConfigError
from rewardsmith.models.layers.dropout import Dropout, causal_keys, dropout_sites, keep_mask, whole_keys
from rewardsmith.tokens.encoding import Encoded


def seeds(num: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-(2**63), 2**63 - 1, (1, num), generator=generator)


class Block(torch.nn.Module):
    """Attention and MLP as the sites of one block."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn, self.mlp = torch.nn.Identity(), torch.nn.Identity()
        self.scale = torch.nn.Parameter(torch.ones(1))


class Blocks(torch.nn.Module):
    """A model with blocks and nothing else."""

    def __init__(self, num_blocks: int = 2) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(Block() for _ in range(num_blocks))
        text = SimpleNamespace(num_hidden_layers=num_blocks)
        self.config = SimpleNamespace(get_text_config=lambda: text)


def masks(rate: float, keys: torch.Tensor, seed: int = 0, step: int = 0, num_channels: int = 64) -> torch.Tensor:
    """What each site of a model makes of ones [sites, T, D]."""
    model = Blocks()
    with dropout_sites(model, rate, seed) as dropout:
        assert dropout is not None
        dropout.begin(step)
        with dropout.at_tokens(keys):
            ones = torch.ones(*keys.shape, num_channels)
            return torch.stack([site(ones)[0] for block in model.layers for site in (block.self_attn, block.mlp)])


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_as_many_are_dropped_as_the_rate_says_and_the_mean_is_kept(rate: float) -> None:
    found = masks(rate, seeds(500), num_channels=250)
    sigma = sqrt(rate * (1 - rate) / found.numel())
    assert (found > 0).double().mean() == pytest.approx(1 - rate, abs=5 * sigma + 2**-17)
    assert found.double().mean() == pytest.approx(1.0, abs=(5 * sigma + 2**-17) / (1 - rate))
    assert len(found.unique()) == 2
    each = (found > 0).double().mean((0, 1))  # by channel
    assert (each - (1 - rate)).abs().max() < 6 * sqrt(rate * (1 - rate) / 2000)


def test_channels_tokens_sites_steps_seeds_and_views_are_independent() -> None:
    keys = torch.from_numpy(whole_keys(Encoded(list(range(100, 500)), 0, 400, 0)))[None]
    other = torch.from_numpy(whole_keys(Encoded(list(range(100, 500)), 0, 400, 0, view=1)))[None]
    variants = [masks(0.3, keys, seed, step) for seed in (0, 1) for step in (0, 1)] + [masks(0.3, other)]
    whole = torch.cat(variants).double() > 0  # [variants x sites, T, D]
    flat = torch.corrcoef(whole.flatten(1).double())
    bound = 5.5 / sqrt(whole[0].numel())
    assert (flat - torch.eye(len(flat))).abs().max() < bound
    channels = torch.corrcoef(whole.permute(2, 0, 1).flatten(1).double())
    assert (channels - torch.eye(len(channels))).abs().max() < 5.5 / sqrt(whole.shape[0] * whole.shape[1])
    tokens = torch.corrcoef(whole.permute(1, 0, 2).flatten(1).double())
    assert (tokens - torch.eye(len(tokens))).abs().max() < 5.5 / sqrt(whole.shape[0] * whole.shape[2])


def test_masks_repeat_and_none_is_made_outside_of_a_pass() -> None:
    keys = seeds(9)
    assert torch.equal(masks(0.4, keys, 3, 5), masks(0.4, keys, 3, 5))
    model = Blocks()
    ones = torch.ones(1, 9, 8)
    with dropout_sites(model, 0.4, 0) as dropout:
        assert torch.equal(model.layers[0].mlp(ones), ones)
        assert dropout is not None
        with dropout.at_tokens(keys):
            assert not torch.equal(model.layers[0].mlp(ones), ones)
    with Dropout(0.4, 0).at_tokens(keys):  # the sites have gone
        assert torch.equal(model.layers[0].mlp(ones), ones)


def test_the_mask_of_a_channel_does_not_ask_how_many_there_are() -> None:
    keys = seeds(20)
    assert torch.equal(keep_mask(keys, 13, 0.5), keep_mask(keys, 64, 0.5)[..., :13])


def test_blocks_that_are_not_trained_drop_nothing_and_others_drop_as_ever() -> None:
    keys, ones = seeds(9), torch.ones(1, 9, 64)
    model = Blocks()
    model.layers[0].requires_grad_(False)
    with dropout_sites(model, 0.4, 0) as dropout:
        assert dropout is not None
        with dropout.at_tokens(keys):
            assert torch.equal(model.layers[0].mlp(ones), ones)
            assert torch.equal(model.layers[1].mlp(ones)[0], masks(0.4, keys)[3])


def test_a_model_without_sites_is_refused() -> None:
    model = Blocks()
    model.layers[1].mlp = None
    with (
        pytest.raises(
            ConfigError,
            match=r"Dropout 0.1: no attention and MLP can be told in Block\. Neither",
        ),
        dropout_sites(model, 0.1, 0),
    ):
        pass
    with (
        pytest.raises(ConfigError, match="no list of blocks that are trained"),
        dropout_sites(model.requires_grad_(False), 0.1, 0),
    ):
        pass
    with dropout_sites(model, 0.0, 0) as dropout:
        assert dropout is None


tokens = st.lists(st.integers(0, 2), min_size=1, max_size=6)


@settings(deadline=None, derandomize=True)
@given(tokens, tokens, tokens, tokens, st.integers(0, 1), st.integers(0, 1))
def test_keys_are_equal_where_prompt_and_tokens_so_far_are_and_nowhere_else(
    prompt: list[int], response: list[int], prompt_2: list[int], response_2: list[int], view: int, view_2: int
) -> None:
    one = Encoded(prompt + response, len(prompt), len(prompt + response), 0, view)
    two = Encoded(prompt_2 + response_2, len(prompt_2), len(prompt_2 + response_2), 0, view_2)
    causal, whole = ([of(one), of(two)] for of in (causal_keys, whole_keys))
    for i, j in itertools.product(range(len(one.input_ids)), range(len(two.input_ids))):
        alike = view == view_2 and one.input_ids[: i + 1] == two.input_ids[: j + 1]
        if prompt == prompt_2:
            assert (causal[0][i] == causal[1][j]) == alike
        else:
            assert causal[0][i] != causal[1][j]
        assert (whole[0][i] == whole[1][j]) == (alike and one.input_ids == two.input_ids)
    assert len(np.unique(causal[0])) == len(causal[0])
