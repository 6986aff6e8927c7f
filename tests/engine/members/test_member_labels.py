"""Members with labels, margins and error rates of their own, and states of the trunk that outlive a training."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from forked_parts import LORA, OPTIONS, SEED, Parts, some_weights
from rewardsmith.engine.batches.batch_forms import PaddedForm
from rewardsmith.engine.batches.model_inputs import PaddedInputs
from rewardsmith.engine.batches.reward_module import rewards_of
from rewardsmith.engine.members.forked_batches import ForkedBatch, KeptStates, MemberLabels, StoredStates
from rewardsmith.engine.members.forked_source import ForkedSource, encode_for_members
from rewardsmith.engine.members.forked_step import member_loss
from rewardsmith.engine.members.forked_training import judged_rewards, train_members
from rewardsmith.engine.members.trunk_states import TrunkStates
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.loop import Moment, Watch
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.models.layers.heads import output_layer
from rewardsmith.models.members.forked_model import ForkedModel, fork
from tiny_reward_models import pair_table, some_rows


@dataclass
class Bench:
    """A fork over some pairs, and what it is trained with."""

    forked: ForkedModel
    source: ForkedSource
    states: StoredStates
    options: TrainOptions

    @classmethod
    def of(
        cls,
        folder: Path,
        rows: list[dict[str, Any]],
        weights: NDArray[np.float32],
        labels: MemberLabels | None = None,
        seed: int = SEED,
        whole: bool = True,
        stored: bool = False,
        **changes: Any,
    ) -> Bench:
        parts, options = Parts.of(folder), TrainOptions(**{**OPTIONS.__dict__, **changes})
        encoded, effective = encode_for_members(parts.encoder, pair_table(rows), weights, quiet=True)
        form = PaddedForm(parts.tokenizer.pad_token_id, parts.encoder.has_token_types)
        device = torch.device("cpu")
        states = TrunkStates(parts.model.eval(), encoded, form, 1, device) if stored else None
        forked = fork(parts.model, 1, weights.shape[1], LORA, seed)
        per_step, num_epochs = options.per_device_train_batch_size, options.num_train_epochs
        source = ForkedSource(
            encoded,
            effective,
            form,
            pairs_per_step=per_step,
            seed=SEED,
            num_epochs=num_epochs,
            labels=labels,
            whole=whole,
        )
        return cls(forked, source, states or KeptStates(), options)

    def train(self, watch: Watch | None = None) -> None:
        train_members(
            self.forked, self.source, self.states, self.options, make_accelerator("cpu"), watch=watch, quiet=True
        )

    def gaps(self, batches: Iterable[ForkedBatch]) -> NDArray[np.float32]:
        accelerator, num_pairs = make_accelerator("cpu"), len(self.source.pairs)
        chosen, rejected = judged_rewards(self.forked, batches, num_pairs, self.states, accelerator, quiet=True)
        return chosen - rejected

    def trained(self) -> NDArray[np.float32]:
        self.train()
        return self.gaps(self.source.all_pairs())


def some_labels(num_pairs: int, num_members: int) -> MemberLabels:
    rng = np.random.default_rng(1)
    draw = rng.random((num_pairs, num_members)), rng.normal(size=(num_pairs, num_members))
    rates = rng.uniform(0, 0.4, size=(num_pairs, num_members, 2))
    return MemberLabels(*(values.astype(np.float32) for values in (*draw, rates)))


@pytest.mark.parametrize("aware", [False, True])
def test_members_with_labels_of_their_own_end_as_if_they_were_alone(llama: Path, aware: bool) -> None:
    rows, labels = some_rows(16), some_labels(16, 3)
    labels = labels if aware else MemberLabels(labels.target, labels.margin)
    weights = np.random.default_rng(2).exponential(size=(16, 3)).astype(np.float32)
    together = Bench.of(llama, rows, weights, labels).trained()
    for member in range(3):
        own = [member]
        mine: MemberLabels | None = None
        if labels.error_rates is None:  # they are the table's
            columns = zip(labels.target[:, member].tolist(), labels.margin[:, member].tolist(), rows, strict=True)
            rows = [{**row, "target": target, "margin": margin} for target, margin, row in columns]
        else:
            mine = MemberLabels(labels.target[:, own], labels.margin[:, own], labels.error_rates[:, own])
        alone = Bench.of(llama, rows, weights[:, own], mine, SEED + member, whole=False)
        np.testing.assert_allclose(together[:, own], alone.trained(), rtol=0, atol=2e-4)


def test_every_member_overfits_margin_plus_logit_of_its_own_labels(llama: Path) -> None:
    """Of a label of 0.6 that errs at the rates 0.1 and 0.3: the logit of (0.6 - 0.1) / (1 - 0.1 - 0.3)."""
    target, margin = (np.tile(np.float32(own), (4, 1)) for own in ([0.9, 0.2, 0.6], [0.5, -1.0, 0.0]))
    rates = np.tile(np.float32([[0.0, 0.0], [0.0, 0.0], [0.1, 0.3]]), (4, 1, 1))
    changes = {"num_train_epochs": 60.0, "learning_rate": 1e-2, "weight_decay": 0.0}
    labels = MemberLabels(target, margin, rates)
    found = Bench.of(llama, some_rows(4), np.ones((4, 3), np.float32), labels, **changes).trained()
    goal = [0.5 + math.log(9), -1.0 - math.log(4), math.log(5)]
    np.testing.assert_allclose(found, np.tile(goal, (4, 1)), atol=0.1)  # as above, Adam circles


def test_whole_batches_teach_what_divided_ones_do(llama: Path) -> None:
    weights = some_weights(24, 3)
    weights[6:, 2] = 0.0  # sits steps out
    whole, parts = (Bench.of(llama, some_rows(24), weights, whole=whole) for whole in (True, False))
    np.testing.assert_allclose(whole.trained(), parts.trained(), rtol=0, atol=2e-4)
    (_, batches), *_ = whole.source.steps()
    assert [len(batch.members) for batch in batches] == [3] * len(batches)


def test_steps_of_given_pairs_do_not_depend_on_who_learns_from_them(llama: Path) -> None:
    parts, weights = Parts.of(llama), some_weights(24, 3)
    encoded, _ = encode_for_members(parts.encoder, pair_table(some_rows(24)), weights, quiet=True)
    form = PaddedForm(parts.tokenizer.pad_token_id, parts.encoder.has_token_types)
    learnable = np.arange(24) % 5 > 0
    steps = []
    for own in (weights, weights[:, :1], np.zeros((24, 1), np.float32)):
        loader = ForkedSource(
            encoded, own, form, pairs_per_step=4, seed=SEED, num_epochs=2.0, whole=True, learnable=learnable
        )
        found = [np.sort(np.concatenate([b.indices for b in batches])) for _, batches in loader.steps()]
        steps.append([indices.tolist() for indices in found])
    assert steps[0] == steps[1] == steps[2]
    assert sorted(i for step in steps[0][:5] for i in step) == np.flatnonzero(learnable).tolist()


def test_labels_that_are_known_not_to_err_are_taken_as_they_are() -> None:
    """A believed target would forget a label that the model denies strongly enough."""
    gap = torch.tensor([[-100.0, -100.0]])
    ones, rates = torch.ones(1, 2), torch.tensor([[[0.0, 0.0], [0.1, 0.1]]])
    members, inputs = torch.arange(1), PaddedInputs({"input_ids": torch.ones(4, 1, dtype=torch.int64)})
    batch = ForkedBatch(inputs, ones, 0 * ones, rates, ones, torch.full((1,), 2.0), np.arange(2), members, 1)
    sure, doubted = member_loss(gap, batch)[0].tolist()
    assert sure == member_loss(gap, replace(batch, error_rates=None))[0, 0] == 100
    assert doubted < 1e-3


def test_gaps_may_be_asked_for_after_every_epoch(llama: Path) -> None:
    constant = {"lr_scheduler_type": "constant", "warmup_ratio": 0.0}
    rows, weights = some_rows(16), some_weights(16, 2)
    bench = Bench.of(llama, rows, weights, num_train_epochs=3.0, **constant)
    asked, found = np.array([5, 2, 9]), {}

    def judge(moment: Moment) -> None:
        if moment.step % bench.source.steps_per_epoch == 0:
            found[round(moment.epoch)] = bench.gaps(bench.source.to_judge(asked))

    bench.train(watch=judge)
    assert list(found) == [1, 2, 3]
    for epoch, gaps in found.items():
        once = Bench.of(llama, rows, weights, num_train_epochs=float(epoch), **constant).trained()
        np.testing.assert_allclose(gaps[asked], once[asked], rtol=0, atol=2e-4)
        assert (np.delete(gaps, asked, axis=0) == 0).all()


def test_states_of_the_trunk_computed_once_are_those_of_every_batch(
    trunk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, weights = some_rows(16), some_weights(16, 2)
    fresh = Bench.of(trunk, rows, weights, num_train_epochs=2.0).trained()
    stored = Bench.of(trunk, rows, weights, stored=True, num_train_epochs=2.0)
    computed: list[int] = []
    lower_states = ForkedModel.lower_states
    with monkeypatch.context() as patch:
        patch.setattr(ForkedModel, "lower_states", lambda self, of: computed.append(1) or lower_states(self, of))
        np.testing.assert_allclose(stored.trained(), fresh, rtol=0, atol=2e-4)
    assert not computed


def test_what_heads_read_of_the_trunk_is_what_rewards_are_products_of(trunk: Path) -> None:
    parts = Parts.of(trunk)
    encoded, _ = encode_for_members(parts.encoder, pair_table(some_rows(8)), np.ones((8, 1), np.float32), True)
    form = PaddedForm(parts.tokenizer.pad_token_id, parts.encoder.has_token_types)
    states = TrunkStates(parts.model.eval(), encoded, form, 1, torch.device("cpu"), max_bytes=0)
    rows = states.head_rows
    assert rows is not None
    batch = form.inputs([store.encoded(i) for store in (encoded.chosen, encoded.rejected) for i in range(8)])
    with torch.no_grad():
        rewards = rewards_of(parts.model, batch)
        gaps = rows @ output_layer(parts.model).weight[0]
    torch.testing.assert_close(gaps, rewards[:8] - rewards[8:], rtol=1e-4, atol=1e-4)
    loader = ForkedSource(encoded, np.ones((8, 1), np.float32), form, pairs_per_step=4, seed=0)
    assert states.take(next(iter(loader.all_pairs()))) is None  # no room for the states


def test_members_may_begin_alike(llama: Path) -> None:
    forked = fork(Parts.of(llama).model, 1, 3, LORA, SEED)
    first = {name: parameter[0].clone() for name, parameter in forked.member_parameters.items()}
    forked.begin_alike()
    for name, parameter in forked.member_parameters.items():
        assert all(torch.equal(own, first[name]) for own in parameter)
