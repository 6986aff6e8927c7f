"""Where forked members' heads begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid

from rewardsmith.engine.batches.batch_forms import PaddedForm
from rewardsmith.engine.batches.reward_module import rewards_of
from rewardsmith.models.layers.heads import head_inputs, output_layer
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.starting import starting_model
from rewardsmith.models.options import ModelOptions
from rewardsmith.strength.ensembles.head_start import fit_member_heads, probed_heads
from tiny_architectures import CONVERSATIONS, save_tiny_model
from tiny_reward_models import pair_table, some_rows


def planted(num_pairs: int = 600, num_dimensions: int = 6, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """Differences of features, labels drawn from a known head, a group a pair."""
    generator = torch.Generator().manual_seed(seed)
    differences = torch.randn(num_pairs, num_dimensions, generator=generator)
    truth = torch.tensor([2.0, -1.0, 0.5, 0.0, 0.0, 0.0])
    target = (torch.rand(num_pairs, generator=generator) < (differences @ truth).sigmoid()).float()
    return differences, target, np.arange(num_pairs)


def test_head_recovers_the_direction_and_the_scale_of_what_was_planted() -> None:
    differences, target, groups = planted(4000)
    heads = fit_member_heads(differences, target, torch.ones(4000, 1), groups, seed=0)
    # With 4,000 pairs the standard error of a coefficient is about 0.05.
    torch.testing.assert_close(heads[0], torch.tensor([2.0, -1.0, 0.5, 0.0, 0.0, 0.0]), rtol=0, atol=0.25)


def test_no_label_of_a_pair_that_a_member_does_not_learn_moves_its_head() -> None:
    differences, target, groups = planted()
    weights = torch.ones(600, 2)
    weights[:200, 0] = 0
    other = target.clone()
    other[:200] = 1 - other[:200]
    before = fit_member_heads(differences, target, weights, groups, seed=0)
    after = fit_member_heads(differences, other, weights, groups, seed=0)
    torch.testing.assert_close(before[0], after[0], rtol=0, atol=1e-6)
    assert (before[1] - after[1]).abs().max() > 0.1


def test_labels_without_a_pattern_get_a_strong_penalty() -> None:
    generator = torch.Generator().manual_seed(0)
    differences = torch.randn(300, 100, generator=generator)
    noise = (torch.rand(300, generator=generator) < 0.5).float()
    heads = fit_member_heads(differences, noise, torch.ones(300, 1), np.arange(300), seed=0)
    assert (differences @ heads[0]).abs().mean() < 0.7  # the unpenalised fit has logits above 1


def test_members_may_have_labels_and_margins_of_their_own() -> None:
    differences, target, groups = planted()
    targets = torch.stack([target, 1 - target], dim=1)
    both = fit_member_heads(differences, targets, torch.ones(600, 2), groups, seed=0)
    alone = fit_member_heads(differences, target, torch.ones(600, 1), groups, seed=0)
    torch.testing.assert_close(both, torch.cat([alone, -alone]), rtol=1e-3, atol=1e-3)
    margin = differences @ torch.tensor([[1.0], [0.0], [0.0], [0.0], [0.0], [0.0]])
    shifted = fit_member_heads(differences, target, torch.ones(600, 1), groups, seed=0, margin=margin)
    torch.testing.assert_close(shifted - alone, torch.eye(6)[:1], rtol=0, atol=0.1)  # the penalty shrinks it a little


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert"])
def test_head_inputs_are_what_the_reward_is_a_product_of(tmp_path: Path, architecture: str) -> None:
    start = starting_model(ModelOptions(str(save_tiny_model(tmp_path, architecture)), max_length=128), seed=0)
    form = PaddedForm(start.model.config.pad_token_id, start.encoder.has_token_types)
    inputs = form.inputs(start.encoder.encode_many(CONVERSATIONS))
    trunk = getattr(start.model, start.model.base_model_prefix)
    with torch.no_grad():
        hidden = trunk(**inputs.arguments()).last_hidden_state
        vectors = hidden[:, 0] if architecture == "bert" else inputs.last(hidden)
        read = head_inputs(start.model, vectors)
        assert read is not None
        expected = rewards_of(start.model, inputs)
    torch.testing.assert_close(read @ output_layer(start.model).weight[0], expected, rtol=1e-5, atol=1e-5)


def test_heads_that_read_otherwise_are_left_alone(tmp_path: Path) -> None:
    start = starting_model(ModelOptions(str(save_tiny_model(tmp_path, "roberta")), max_length=128), seed=0)
    assert head_inputs(start.model, torch.zeros(2, 32)) is None


def test_probed_heads_predict_their_own_pairs_better_than_chance(tiny_llama: Path) -> None:
    rows = some_rows(80)
    for row in rows:  # a pattern that a linear head can find
        row["chosen"], row["rejected"] = row["chosen"] + " good good", row["rejected"] + " bad bad"
    pairs, target, weights = pair_table(rows), np.ones(80, np.float32), np.ones((80, 2), np.float32)
    weights[::2, 1] = 0
    target.flags.writeable = False  # as a column of a table is
    start = starting_model(ModelOptions(str(tiny_llama), max_length=128), seed=0)
    heads = probed_heads(
        start.model, resolve_model(str(tiny_llama)), start.encoder, pairs, target, weights, np.arange(80), seed=0
    )
    assert heads is not None and heads.shape == (2, 32)
    output_layer(start.model).weight.data.copy_(heads[1:])
    both = [start.encoder.encode_many([row_of(row, side) for row in rows]) for side in ("chosen", "rejected")]
    form = PaddedForm(start.model.config.pad_token_id)
    with torch.no_grad():
        chosen, rejected = (rewards_of(start.model, form.inputs(side)) for side in both)
    assert -logsigmoid(chosen - rejected).mean() < 0.3


def row_of(row: dict[str, Any], side: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row[side]}]
