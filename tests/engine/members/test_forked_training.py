"""A forked ensemble against members trained one by one, and what its training does not depend on."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from peft import PeftModel
from transformers import AutoConfig, AutoModelForSequenceClassification

from forked_parts import LORA, OPTIONS, SEED, Parts, some_weights
from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.engine.batches.batch_forms import PaddedForm, batch_form
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs
from rewardsmith.engine.batches.pair_batches import PairBatch, collate_pairs
from rewardsmith.engine.batches.reward_module import RewardModule, rewards_of
from rewardsmith.engine.members.forked_batches import KeptStates
from rewardsmith.engine.members.forked_source import ForkedSource, encode_for_members, even_share
from rewardsmith.engine.members.forked_training import ForkedOutcome, train_forked
from rewardsmith.engine.training import accelerators, loop
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.loop import train
from rewardsmith.engine.training.options import CheckpointOptions, TrainOptions
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.engine.training.subject import Source
from rewardsmith.errors import ConfigError, DataError, RunError
from rewardsmith.models.layers.heads import switch_dropout_off
from rewardsmith.models.members.folders import save_member
from rewardsmith.models.members.forked_model import ForkedModel, fork
from tiny_reward_models import pair_table, some_rows

pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"  # peft calls transformers' old name
)


def run(folder: Path, rows: list[dict[str, Any]], weights: NDArray[np.float32], **changes: Any) -> ForkedOutcome:
    parts = Parts.of(folder)
    others = {name: changes.pop(name) for name in ("log", "save_to", "saving") if name in changes}
    options = TrainOptions(**{**OPTIONS.__dict__, **changes})
    table = pair_table(rows)
    return train_forked(parts.model, parts.encoder, table, weights, 1, LORA, options, seed=SEED, quiet=True, **others)


def weights_of(outcome: ForkedOutcome) -> torch.Tensor:
    return torch.cat([p.detach().flatten(1) for p in outcome.forked.member_parameters.values()], dim=1)


class StepsOfOneMember(Source):
    """The pairs of one member in the order of the ensemble, for the ordinary loop."""

    def __init__(self, loader: ForkedSource, member: int, weights: NDArray[np.float32], form: PaddedForm) -> None:
        self.pairs: EncodedPairs = loader.pairs
        self._steps: list[tuple[float, list[PairBatch]]] = []
        for epoch, batches in loader.steps():
            indices = np.concatenate([batch.indices for batch in batches])
            own = weights[indices, member]
            if own.any():
                batch = collate_pairs(self.pairs, indices[own > 0], float(own.sum()), form)
                weight = torch.from_numpy(own[own > 0])
                self._steps.append((epoch, [PairBatch(**{**batch.__dict__, "weight": weight})]))
        self.num_steps = len(self._steps)

    def steps(self, done: int, model: Any) -> Any:
        return iter(self._steps[done:])

    def names(self, batch: PairBatch, which: torch.Tensor | None = None) -> list[str]:
        return [self.pairs.name(int(i)) for i in batch.indices]


def test_members_end_as_peft_models_trained_one_by_one(trunk: Path, tmp_path: Path) -> None:
    """Same pairs in the same steps, padded, through the ordinary loop and torch's optimiser."""
    rows, constant = some_rows(24), {"lr_scheduler_type": "constant", "warmup_ratio": 0.0}
    weights = some_weights(24, 3)
    weights[6:, 2] = 0.0
    together = run(trunk, rows, weights, **constant)
    parts = Parts.of(trunk)
    encoded, effective = encode_for_members(parts.encoder, pair_table(rows), weights, quiet=True)
    form = PaddedForm(parts.tokenizer.pad_token_id, parts.encoder.has_token_types)
    options = TrainOptions(**{**OPTIONS.__dict__, **constant})
    order = batch_form(parts.model, parts.encoder)
    loader = ForkedSource(encoded, effective, order, pairs_per_step=4, seed=SEED)
    untrained = fork(parts.model, 1, 3, LORA, seed=SEED)
    for member in range(3):
        save_member(untrained, member, parts.tokenizer, tmp_path / "start", {})
        config = AutoConfig.from_pretrained(trunk, num_labels=1, pad_token_id=parts.tokenizer.pad_token_id)
        switch_dropout_off(config)
        base = AutoModelForSequenceClassification.from_pretrained(trunk, config=config)
        alone = PeftModel.from_pretrained(base, str(tmp_path / "start"), is_trainable=True)
        steps = StepsOfOneMember(loader, member, effective, form)
        outcome = train(RewardModule(alone), steps, RewardStep(), options, make_accelerator("cpu"))
        assert outcome.num_steps == (4 if member == 2 else 6)  # member 2 sits two steps out
        with torch.no_grad():
            rewards = rewards_of(
                alone,
                form.inputs([store.encoded(i) for store in (encoded.chosen, encoded.rejected) for i in range(24)]),
            )
        gaps = (rewards[:24] - rewards[24:]).numpy()
        np.testing.assert_allclose(together.gaps[:, member], gaps, rtol=1e-3, atol=2e-4 * np.abs(gaps).max())
        trained = peft_weights(alone)
        for name, parameter in together.forked.member_parameters.items():
            if name != "model.classifier.bias":  # moves both rewards alike: its gradient is nothing but rounding
                # The optimiser divides by the root of squares: it magnifies the rounding of small gradients.
                torch.testing.assert_close(parameter[member], trained[name], rtol=0, atol=5e-5)


def peft_weights(alone: Any) -> dict[str, torch.Tensor]:
    """Trained weights of a peft model by the names that a forked one gives them."""
    found = {}
    for name, parameter in alone.named_parameters():
        if parameter.requires_grad:
            name = name.replace("base_model.model.", "model.").replace("modules_to_save.", "").replace(".default", "")
            found[name.lower().removesuffix(".weight") if "lora_" in name else name] = parameter
    return found


def test_parts_of_a_step_and_of_the_members_change_nothing(trunk: Path) -> None:
    weights = some_weights(16, 3)
    whole = run(trunk, some_rows(16), weights, max_tokens_per_batch=100_000, center_rewards_coefficient=0.01)
    parts = run(trunk, some_rows(16), weights, max_tokens_per_batch=1, center_rewards_coefficient=0.01)
    # The optimiser divides by the root of squares: it magnifies the rounding of small gradients.
    assert (weights_of(whole) - weights_of(parts)).abs().max() < 1e-4
    np.testing.assert_allclose(whole.gaps, parts.gaps, rtol=0, atol=1e-3)


def test_a_pair_kept_from_a_member_teaches_it_nothing(llama: Path) -> None:
    rows, weights = some_rows(16), some_weights(16, 3)
    rows[0]["target"] = 0.0  # kept from member 0, as all pairs of the first prompt
    turned = run(llama, rows, weights)
    as_given = run(llama, some_rows(16), weights)
    same = (weights_of(turned) == weights_of(as_given)).all(dim=1)
    assert same.tolist() == [True, False, False]


def test_weights_of_the_table_and_of_the_members_multiply(llama: Path) -> None:
    weights = some_weights(12, 2)
    halves = [{**row, "weight": 0.5 + i % 2} for i, row in enumerate(some_rows(12))]
    factors = np.array([row["weight"] for row in halves], dtype=np.float32)
    one, other = run(llama, halves, weights), run(llama, some_rows(12), weights * factors[:, None])
    assert torch.equal(weights_of(one), weights_of(other))


def test_only_members_that_learn_from_a_pair_compute_it(llama: Path) -> None:
    parts, weights = Parts.of(llama), some_weights(24, 3)
    encoded, effective = encode_for_members(parts.encoder, pair_table(some_rows(24)), weights, quiet=True)
    loader = ForkedSource(encoded, effective, batch_form(parts.model, parts.encoder), pairs_per_step=8, seed=0)
    seen = np.zeros_like(effective)
    for _, batches in loader.steps():
        totals = np.zeros(3)
        for batch in batches:
            assert bool((batch.weight > 0).all())
            seen[np.ix_(batch.indices, batch.members)] += batch.weight.T.numpy()
            totals[batch.members] = batch.total_weight
        indices = np.concatenate([batch.indices for batch in batches])
        np.testing.assert_allclose(totals, effective[indices].sum(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(seen, effective)
    assert sorted(i for batch in loader.all_pairs() for i in batch.indices) == list(range(24))


def test_states_kept_from_the_last_epoch_are_those_of_the_judging(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    lower_states = ForkedModel.lower_states
    monkeypatch.setattr(
        ForkedModel, "lower_states", lambda self, inputs: computed.append(1) or lower_states(self, inputs)
    )
    rows, weights = some_rows(24), some_weights(24, 3)
    kept = run(llama, rows, weights, num_train_epochs=2.0)
    with_kept = len(computed)
    monkeypatch.setattr("rewardsmith.engine.members.forked_training.KeptStates", lambda: KeptStates(max_bytes=0))
    again = run(llama, rows, weights, num_train_epochs=2.0)
    without = len(computed) - with_kept
    np.testing.assert_array_equal(kept.gaps, again.gaps)
    assert with_kept < 0.75 * without  # two epochs, and of the judging only the pair that nobody learned from


def test_kept_states_stay_within_their_memory(llama: Path) -> None:
    parts = Parts.of(llama)
    encoded, effective = encode_for_members(parts.encoder, pair_table(some_rows(8)), np.ones((8, 1), np.float32), True)
    loader = ForkedSource(encoded, effective, batch_form(parts.model, parts.encoder), pairs_per_step=2, seed=0)
    first, second, *_ = [batches[0] for _, batches in loader.steps()]
    kept, states = KeptStates(max_bytes=100), torch.zeros(20)
    kept.keep(first, states)
    kept.keep(second, states)
    assert kept.take(second) is None
    assert kept.take(first) is states
    kept.keep(second, states)
    assert kept.take(second) is states


def test_passes_are_few_and_even() -> None:
    assert [even_share(10, most) for most in (0, 1, 3, 4, 6, 9, 10, 99)] == [1, 1, 3, 4, 5, 5, 10, 10]


def test_overfits_margin_plus_logit_and_members_disagree_where_they_did_not_learn(llama: Path) -> None:
    rows = [{**row, "target": 0.9, "margin": 0.5} for row in some_rows(4)]
    learned = np.ones((4, 2), dtype=np.float32)
    learned[3, 1] = 0.0
    outcome = run(llama, rows, learned, max_steps=60, learning_rate=1e-2, weight_decay=0.0)
    goal = 0.5 + math.log(9)
    # Adam with a constant rate keeps circling the optimum; a wrong one would be off by 0.5 (margin) or 2.2 (target).
    np.testing.assert_allclose(outcome.gaps[learned > 0], goal, atol=0.1)
    assert abs(outcome.gaps[3, 1] - goal) > 0.3


def test_a_killed_run_goes_on_to_the_same_bits(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, weights = some_rows(24), some_weights(24, 3)
    whole = run(llama, rows, weights, num_train_epochs=2.0, log=MetricsLog(tmp_path / "whole.jsonl"))
    saves = {"save_to": tmp_path / "checkpoints", "saving": CheckpointOptions(save_steps=5)}
    log = MetricsLog(tmp_path / "parts.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr("rewardsmith.engine.training.loop.rate_factor", _killed_at(7))
        with pytest.raises(_Killed):
            run(llama, rows, weights, num_train_epochs=2.0, log=log, **saves)
    resumed = run(llama, rows, weights, num_train_epochs=2.0, log=log, **saves)
    assert torch.equal(weights_of(whole), weights_of(resumed))
    np.testing.assert_array_equal(whole.gaps, resumed.gaps)
    lines = [
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("whole.jsonl", "parts.jsonl")
    ]
    assert [(line["step"], line["loss"]) for line in lines[0]] == [(line["step"], line["loss"]) for line in lines[1]]
    with monkeypatch.context() as patch:  # finished: another time nothing is trained
        patch.setattr("rewardsmith.engine.training.loop.rate_factor", _killed_at(0))
        again = run(llama, rows, weights, num_train_epochs=2.0, **saves)
    np.testing.assert_array_equal(whole.gaps, again.gaps)


class _Killed(BaseException):
    pass


def _killed_at(step: int) -> Any:
    from rewardsmith.engine.training.optimizers import rate_factor

    def factor(done: int, num_steps: int, options: TrainOptions) -> float:
        if done >= step:
            raise _Killed
        return rate_factor(done, num_steps, options)

    return factor


def test_a_loss_that_is_not_finite_names_pair_and_member(llama: Path) -> None:
    rows = some_rows(8)
    rows[5]["margin"] = math.nan
    weights = np.ones((8, 2), dtype=np.float32)
    weights[5, 0] = 0.0
    with pytest.raises(RunError, match=r"the loss is not a finite number.* row 5 \(pair-5\), member 1\. No checkpoint"):
        run(llama, rows, weights)


def test_a_member_without_pairs_is_an_error(llama: Path) -> None:
    weights = np.ones((8, 2), dtype=np.float32)
    weights[:, 1] = 0.0
    with pytest.raises(DataError, match="Member 1 of 2 has no pair to learn from"):
        run(llama, some_rows(8), weights)


def test_pairs_that_are_the_same_twice_have_gap_zero_and_count_for_nobody(llama: Path) -> None:
    rows = some_rows(8)
    rows[2]["rejected"] = rows[2]["chosen"]
    _, effective = encode_for_members(Parts.of(llama).encoder, pair_table(rows), np.ones((8, 2), np.float32), True)
    assert effective.sum(axis=1).tolist() == [2, 2, 0, 2, 2, 2, 2, 2]
    outcome = run(llama, rows, np.ones((8, 2), dtype=np.float32))
    assert outcome.gaps.shape == (8, 2)
    assert (outcome.gaps[2] == 0).all() and (outcome.gaps[3] != 0).all()


@pytest.mark.parametrize("option", ["data_smoothing", "batch_margin"])
def test_corrections_that_members_do_not_have_are_refused_by_name(llama: Path, option: str) -> None:
    with pytest.raises(ConfigError, match=f"`{option}` .*0.5"):
        run(llama, some_rows(16), some_weights(16, 3), num_train_epochs=2.0, **{option: 0.5})


def test_a_resumed_run_keeps_its_precision(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, weights = some_rows(24), some_weights(24, 3)
    saves = {"save_to": tmp_path / "checkpoints", "saving": CheckpointOptions(save_steps=1)}
    pays = [True]  # the second measurement would say no
    monkeypatch.setattr(accelerators, "bf16_pays", lambda device, wanted: pays.pop())
    whole = run(llama, rows, weights, bf16=True)
    pays.append(True)
    with monkeypatch.context() as patch, pytest.raises(_Killed):
        patch.setattr(loop, "rate_factor", _killed_at(2))
        run(llama, rows, weights, bf16=True, **saves)
    resumed = run(llama, rows, weights, bf16=True, **saves)
    assert torch.equal(weights_of(whole), weights_of(resumed)) and not pays


def test_without_checkpoints_nobody_is_promised_one(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def promised() -> Any:
        raise AssertionError("Ctrl-C would say that a checkpoint is saved")

    monkeypatch.setattr(loop, "Interrupts", promised)
    saves = {"save_to": tmp_path / "checkpoints", "saving": CheckpointOptions(save_steps=0)}
    run(llama, some_rows(8), some_weights(8, 2), **saves)
