"""What leaves, in which order, and what is counted."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from any_pairs import ledger_of, pair_rows, table_of
from rewardsmith.objectives.preference import preference_loss
from rewardsmith.preferences.exports.consumers import EXPORTS
from rewardsmith.preferences.exports.outgoing import oriented, outgoing

TRL, LLAMAFACTORY, MS_SWIFT = (EXPORTS[name] for name in ("trl", "llamafactory", "ms_swift"))


def row(target: float = 1.0, prompt: Any = None, **fields: Any) -> dict[str, Any]:
    question = [{"role": "user", "content": "p"}]
    return {"prompt": question if prompt is None else prompt, "responses": ("a", "b"), "target": target, **fields}


def prompt_of(roles: str) -> list[dict[str, str]]:
    names = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": names[role], "content": f"{i}"} for i, role in enumerate(roles)]


@settings(deadline=None)
@given(rows=pair_rows(), seed=st.integers(0, 2**32 - 1))
def test_the_loss_of_every_pair_stays_what_it_was(rows: list[dict[str, Any]], seed: int) -> None:
    table = table_of(rows)
    turned = oriented(table)
    rewards = dict(zip(("a", "b"), np.random.default_rng(seed).normal(size=(2, len(rows))), strict=True))
    assert all(value >= 0.5 for value in turned["target"].to_pylist())
    losses = []
    for pairs in (table, turned):
        is_first = [c == first for c, first in zip(pairs["chosen"], table["chosen"], strict=True)]
        gap = np.where(is_first, rewards["a"] - rewards["b"], rewards["b"] - rewards["a"])
        supervision = [torch.tensor(pairs[name].to_numpy().astype(np.float64)) for name in ("target", "margin")]
        losses.append(preference_loss(torch.tensor(gap), *supervision).numpy())
    # 1 - target is rounded to 32 bits, and the loss moves by that times the shifted gap
    tolerance = 1e-7 * (1 + np.abs(rewards["a"] - rewards["b"]) + np.abs(table["margin"].to_numpy()))
    assert (np.abs(losses[1] - losses[0]) <= tolerance).all()


@settings(deadline=None)
@given(rows=pair_rows(), keep=st.booleans(), name=st.sampled_from(sorted(EXPORTS)))
def test_every_pair_is_written_or_counted(rows: list[dict[str, Any]], keep: bool, name: str) -> None:
    leaving = outgoing(table_of(rows), EXPORTS[name], keep_ties=keep)
    assert leaving.num_pairs == len(rows) == leaving.pairs.num_rows + sum(leaving.left_out.values())
    assert leaving.left_out["weight_0"] == sum(row["weight"] == 0 for row in rows)
    assert not (keep and leaving.left_out["tie"])
    assert set(leaving.not_expressed) == {"target", "margin", "weight"} - EXPORTS[name].reads
    assert max(leaving.not_expressed.values(), default=0) <= leaving.pairs.num_rows


def test_all_that_has_a_direction_turns_with_the_responses() -> None:
    voted = {"votes_chosen": 1, "votes_rejected": 4, "votes_tie": 2, "score_chosen": 0.5, "score_rejected": 3.0}
    found = oriented(ledger_of([row(0.25, margin=-1.5, strength_mean=-2.0, strength_std=0.5, **voted)]))
    names = ("votes_chosen", "votes_rejected", "votes_tie", "score_chosen", "score_rejected")
    assert [found[name][0].as_py() for name in names] == [4, 1, 2, 3.0, 0.5]
    names = ("target", "margin", "strength_mean", "strength_std")
    assert [found[name][0].as_py() for name in names] == [0.75, 1.5, 2.0, 0.5]
    assert [found[side][0][0]["content"].as_py() for side in ("chosen", "rejected")] == ["b", "a"]


def test_a_tie_leaves_in_its_own_order_whatever_it_was_before() -> None:
    found = outgoing(ledger_of([row(0.5, swapped=True), row(0.5), row(1.0, swapped=True)]), TRL, keep_ties=True)
    assert [pair[0]["content"] for pair in found.pairs["chosen"].to_pylist()] == ["a", "a", "a"]
    assert found.num_swapped == 0


def test_a_pair_is_left_out_for_its_first_reason_and_ties_only_unless_kept() -> None:
    table = table_of([row(0.5, weight=0.0), row(0.5), row(0.0), row(0.9), row(margin=1.0), row(weight=2.0)])
    found = outgoing(table, TRL)
    assert found.left_out == {"weight_0": 1, "tie": 1, "prompt": 0, "extra": 0}
    assert (found.num_swapped, found.not_expressed) == (1, {"target": 1, "weight": 1})
    kept = outgoing(table, TRL, keep_ties=True)
    assert (kept.left_out["tie"], kept.not_expressed) == (0, {"target": 2, "weight": 1})
    assert outgoing(table, LLAMAFACTORY).not_expressed == {"target": 1, "margin": 1, "weight": 1}


@pytest.mark.parametrize(
    ("roles", "takes"),
    [("u", True), ("su", True), ("uau", True), ("", False), ("s", False), ("ua", False), ("uu", False), ("usu", False)],
)
def test_llamafactory_takes_turns_that_alternate_and_end_with_the_user(roles: str, takes: bool) -> None:
    assert outgoing(table_of([row(prompt=prompt_of(roles))]), LLAMAFACTORY).left_out["prompt"] == (not takes)


@pytest.mark.parametrize(("roles", "takes"), [("u", True), ("", True), ("su", True), ("uua", True), ("us", False)])
def test_ms_swift_takes_a_system_message_only_at_the_beginning(roles: str, takes: bool) -> None:
    assert outgoing(table_of([row(prompt=prompt_of(roles))]), MS_SWIFT).left_out["prompt"] == (not takes)


@pytest.mark.parametrize("to", sorted(EXPORTS))
def test_tool_calls_leave_whole_or_are_left_out_and_counted(load, tmp_path, to: str) -> None:
    call = {"type": "function", "function": {"name": "find", "arguments": {"x": 1}}}
    answers = [{"role": "assistant", "content": text, "tool_calls": [call]} for text in ("a", "b")]
    plain = {"prompt": "q", "chosen": "a", "rejected": "b"}
    found = load([{"prompt": "p", "chosen": answers[:1], "rejected": answers[1:]}, plain])
    export = EXPORTS[to]
    leaving = outgoing(found.table, export)
    assert leaving.left_out["extra"] == (0 if export.takes_extra else 1)
    path = tmp_path / "out"
    if export.is_folder:
        path.mkdir()
    export.write(leaving.pairs, path, "out")
    if export.takes_extra:
        assert json.dumps(call) in path.read_text() and '"extra"' not in path.read_text()
