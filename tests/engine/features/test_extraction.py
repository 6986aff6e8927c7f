from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rewardsmith.engine.features import extraction
from rewardsmith.engine.features.extraction import extract_features
from rewardsmith.engine.features.hidden_states import pooling_weights
from rewardsmith.errors import ModelError
from rewardsmith.models.feature_spec import POOLINGS, FeatureSpec, Pooling
from rewardsmith.models.loading.embedded import ModelSource, resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer, load_trunk
from rewardsmith.tokens.batching import pad_batch
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_architectures import ARCHITECTURES, CONVERSATIONS, conversation, save_tiny_model

ALL_SPECS = [FeatureSpec(layer, pooling) for layer in range(4) for pooling in POOLINGS]


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARDSMITH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def llama(tmp_path: Path) -> tuple[ModelSource, ConversationEncoder]:
    return tiny("llama", tmp_path / "llama")


def tiny(architecture: str, folder: Path) -> tuple[ModelSource, ConversationEncoder]:
    source = resolve_model(str(save_tiny_model(folder, architecture)))
    return source, ConversationEncoder(load_tokenizer(source), max_length=100)


def count_forwards(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that gets the number of rows of every batch that reaches a trunk."""
    rows: list[int] = []
    read_layers = extraction.read_layers

    def counting(model: Any, batch: dict[str, torch.Tensor], *rest: Any) -> None:
        rows.append(len(batch["input_ids"]))
        read_layers(model, batch, *rest)

    monkeypatch.setattr(extraction, "read_layers", counting)
    return rows


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_layer_and_pooling_equals_hidden_states_of_one_conversation_alone(
    architecture: str, tmp_path: Path
) -> None:
    source, encoder = tiny(architecture, tmp_path / "model")
    found = extract_features(source, encoder, CONVERSATIONS, ALL_SPECS, "cpu")
    model, _ = load_trunk(source)
    for row, turns in enumerate(CONVERSATIONS):
        encoded = encoder.encode(turns)
        batch = pad_batch([encoded], 0, token_types=encoder.has_token_types)
        del batch["response_mask"]
        with torch.no_grad():
            states = [state[0] for state in model(**batch, output_hidden_states=True).hidden_states]
        for layer, state in enumerate(states):
            expected = {
                "response_mean": state[encoded.response_start : encoded.response_end].mean(0),
                "mean": state.mean(0),
                "last": state[-1],
                "cls": state[0],
            }
            for pooling, vector in expected.items():
                got = found.arrays[FeatureSpec(layer, pooling)][row]  # type: ignore[arg-type]
                np.testing.assert_allclose(got, vector.numpy(), rtol=1e-3, atol=1e-3)  # float16's resolution


def test_rows_come_in_the_order_given_and_only_distinct_conversations_are_computed(
    llama: tuple[ModelSource, ConversationEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = count_forwards(monkeypatch)
    spec = FeatureSpec(2, "last")
    twice = [*CONVERSATIONS, *reversed(CONVERSATIONS)]
    found = extract_features(*llama, twice, [spec], "cpu")
    assert sum(rows) == len(CONVERSATIONS)
    assert np.array_equal(found.arrays[spec][:4], found.arrays[spec][:3:-1])
    lengths = [len(llama[1].encode(turns).input_ids) for turns in twice]
    assert found.num_tokens.tolist() == lengths
    assert found.num_cut.tolist() == [llama[1].encode(turns).num_cut for turns in twice]


def test_the_second_time_no_model_is_loaded_and_the_features_are_equal(
    llama: tuple[ModelSource, ConversationEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = extract_features(*llama, CONVERSATIONS, ALL_SPECS, "cpu")
    monkeypatch.setattr(extraction, "load_trunk", lambda *_: pytest.fail("the model was loaded"))
    again = extract_features(*llama, CONVERSATIONS, ALL_SPECS[:5], "cpu")
    for spec in ALL_SPECS[:5]:
        assert np.array_equal(first.arrays[spec], again.arrays[spec])
    assert np.array_equal(first.num_tokens, again.num_tokens)


def test_only_what_is_new_is_computed(
    llama: tuple[ModelSource, ConversationEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, other = FeatureSpec(2, "last"), FeatureSpec(1, "mean")
    before = extract_features(*llama, CONVERSATIONS[:3], [spec], "cpu")
    rows = count_forwards(monkeypatch)
    after = extract_features(*llama, CONVERSATIONS, [spec], "cpu")
    assert sum(rows) == 1
    assert np.array_equal(after.arrays[spec][:3], before.arrays[spec])
    extract_features(*llama, CONVERSATIONS, [spec, other], "cpu")
    assert sum(rows) == 1 + len(CONVERSATIONS)


def test_what_an_interrupted_run_stored_is_used(
    llama: tuple[ModelSource, ConversationEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "SHARD_SECONDS", 0.0)
    monkeypatch.setattr(extraction, "MAX_BATCH_TOKENS", {"cpu": 1})
    read_layers, calls = extraction.read_layers, []

    def interrupted(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        read_layers(*arguments)

    monkeypatch.setattr(extraction, "read_layers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract_features(*llama, CONVERSATIONS, [FeatureSpec(1, "mean")], "cpu")
    extract_features(*llama, CONVERSATIONS, [FeatureSpec(1, "mean")], "cpu")
    assert len(calls) == 3 + len(CONVERSATIONS) - 2


def test_layers_above_the_highest_one_asked_for_are_not_computed(tmp_path: Path) -> None:
    from rewardsmith.engine.features.hidden_states import read_layers
    from rewardsmith.models.layers.blocks import transformer_blocks

    source, encoder = tiny("gpt2", tmp_path)
    model, _ = load_trunk(source)
    ran: list[int] = []
    for index, block in enumerate(transformer_blocks(model) or []):
        block.register_forward_hook(lambda *_, index=index: ran.append(index))
    batch = pad_batch([encoder.encode(CONVERSATIONS[0])], 0)
    del batch["response_mask"]
    seen: list[int] = []
    read_layers(model, batch, [0, 2], lambda layer, _: seen.append(layer))
    assert (seen, ran) == ([0, 2], [0, 1])


def test_values_beyond_float16_are_clipped_with_a_notice(
    llama: tuple[ModelSource, ConversationEncoder], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        extraction, "read_layers", lambda m, b, layers, on: on(1, torch.full((*b["input_ids"].shape, 32), -1e6))
    )
    found = extract_features(*llama, CONVERSATIONS[:1], [FeatureSpec(1, "mean")], "cpu")
    assert (found.arrays[FeatureSpec(1, "mean")] == np.finfo(np.float16).min).all()
    assert "32 feature values were clipped" in capsys.readouterr().err


def test_bfloat16_gives_nearly_the_same_and_is_cached_apart(llama: tuple[ModelSource, ConversationEncoder]) -> None:
    spec = FeatureSpec(2, "mean")
    exact = extract_features(*llama, CONVERSATIONS, [spec], "cpu").arrays[spec].astype(float)
    rough = extract_features(*llama, CONVERSATIONS, [spec], "cpu", dtype="bfloat16").arrays[spec].astype(float)
    error = np.linalg.norm(rough - exact) / np.linalg.norm(exact - exact.mean(0))
    assert 0 < error < 0.05  # bfloat16 has eight bits of precision


def test_an_empty_response_is_read_at_the_last_token(llama: tuple[ModelSource, ConversationEncoder]) -> None:
    mean, last = FeatureSpec(2, "response_mean"), FeatureSpec(2, "last")
    found = extract_features(*llama, [conversation("q", "")], [mean, last], "cpu")
    assert np.array_equal(found.arrays[mean], found.arrays[last])


def test_no_conversations_give_arrays_without_rows(llama: tuple[ModelSource, ConversationEncoder]) -> None:
    found = extract_features(*llama, [], [FeatureSpec(2, "last")], "cpu")
    assert found.arrays[FeatureSpec(2, "last")].shape == (0, 32)
    assert len(found.num_cut) == len(found.num_tokens) == 0


def test_layers_that_do_not_exist_and_lengths_beyond_the_positions_are_refused(tmp_path: Path) -> None:
    source, encoder = tiny("bert", tmp_path)
    with pytest.raises(ModelError, match="layers 0 to 3"):
        extract_features(source, encoder, CONVERSATIONS, [FeatureSpec(4, "mean")], "cpu")
    long = ConversationEncoder(encoder.tokenizer, max_length=129)
    with pytest.raises(ModelError, match="pass `max_length` 128"):
        extract_features(source, long, CONVERSATIONS, [FeatureSpec(3, "mean")], "cpu")


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling_weights_sum_to_one_on_real_tokens(pooling: Pooling) -> None:
    attention = torch.tensor([[1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 0, 0]])
    response = torch.tensor([[0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]).bool()
    weights = pooling_weights(pooling, attention, response)
    assert torch.equal(weights.sum(1), torch.ones(3))
    assert not weights[attention == 0].any()
