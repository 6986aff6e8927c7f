"""A person's decisions about the pairs that an earlier loop would want labelled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rewardsmith.errors import DataError
from rewardsmith.policy.rounds.choosing import SamplePair
from rewardsmith.policy.rounds.labelling import rows_to_decide
from rewardsmith.policy.rounds.round_samples import RoundSamples
from rewardsmith.workflows.loop.decided import read_decided


def decide(folder: Path, *decisions: str | None) -> str:
    """A folder of a loop, with a pair for each decision; gives the file of these."""
    folder.mkdir()
    samples = RoundSamples.of_rows(
        [{"prompt": f"{folder.name} {i}", "responses": ["one", "other"]} for i in range(len(decisions))]
    )
    rows = rows_to_decide(samples, [SamplePair(i, 0, 1) for i in range(len(decisions))], 2)
    (folder / "label_next.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "decisions.jsonl"
    named = [{"pair_id": row["pair_id"], "decision": one} for row, one in zip(rows, decisions, strict=True)]
    path.write_text("".join(json.dumps(line) + "\n" for line in named))
    return str(path)


def test_decided_pairs_become_preferences_and_the_others_none(tmp_path: Path) -> None:
    found = read_decided(decide(tmp_path / "loop", "keep", "drop", "flip", None, "tie")).pairs
    assert [prompt[0]["content"] for prompt in found["prompt"].to_pylist()] == ["loop 0", "loop 2", "loop 4"]
    assert [chosen[0]["content"] for chosen in found["chosen"].to_pylist()] == ["one", "other", "one"]
    assert found["target"].to_pylist() == [1.0, 1.0, 0.5]
    assert "labelled_by" in found["original"][0].as_py()


def test_several_loops_add_up_and_other_decisions_have_another_name(tmp_path: Path) -> None:
    first, second = decide(tmp_path / "first", "keep"), decide(tmp_path / "second", "flip", "keep")
    both = read_decided(f"{first},{second}")
    assert len(both.pairs) == 3
    Path(second).write_text('{"row": 0, "decision": "keep"}\n')
    again = read_decided(f"{first},{second}")
    assert len(again.pairs) == 2 and again.fingerprint != both.fingerprint


def test_what_cannot_be_learned_from_is_named(tmp_path: Path) -> None:
    path = Path(decide(tmp_path / "loop", "drop"))
    with pytest.raises(DataError, match="every pair is dropped"):
        read_decided(str(path))
    (tmp_path / "loop" / "label_next.jsonl").unlink()
    with pytest.raises(DataError, match=r"label_next.jsonl, which a loop writes, has to lie beside it"):
        read_decided(str(path))
    path.unlink()
    with pytest.raises(DataError, match="there is no such file"):
        read_decided(str(path))
