"""The real preference sets beside the repository, read whole."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.real_data

# file -> (form, pairs, ties)
SETS = {
    "llmbar": ("trl", 878, 0),
    "llmfao": ("votes", 1326, 0),
    "llmfao_ties": ("votes", 362, 362),
    "oasst_en100": ("trl", 732, 0),
    "pandalm_test": ("votes", 775, 0),
    "pandalm_test_ties": ("votes", 62, 62),
    "ukp_convarg": ("votes", 14864, 0),
    "ukp_convarg_ties": ("votes", 1683, 1683),
}


@pytest.mark.parametrize("name", SETS)
def test_sets_of_the_shared_form_are_read_without_loss(load, real_data: Path, name: str) -> None:
    path = real_data / f"{name}.jsonl.gz"
    found = load(str(path))
    targets = found.table["target"].to_pylist()
    assert (found.format, found.table.num_rows, targets.count(0.5)) == SETS[name]
    assert found.quarantine == []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        first = json.loads(next(file))
    pair = found.table.slice(0, 1).to_pylist()[0]
    assert pair["prompt"] == [{**turn, "extra": None} for turn in first["prompt"]]
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == (first["chosen"], first["rejected"])
    assert (pair["source"], pair["category"]) == (first["source"], first["category"])


def test_hh_reports_its_identical_and_empty_rows(load, real_data: Path) -> None:
    started = time.process_time()
    found = load(str(real_data / "hh_rlhf"))
    seconds = time.process_time() - started
    assert found.num_rows_read == 8552
    assert found.format == "hh"
    assert found.quarantine_by_reason == {
        "identical_responses": 36,
        "different_prompts": 17,
        "empty_field": 11,
        "no_response": 2,
    }
    assert set(found.table["category"].to_pylist()) == {
        "harmless-base",
        "helpful-base",
        "helpful-online",
        "helpful-rejection-sampled",
    }
    assert all(turns[-1]["role"] in ("user", "assistant") for turns in found.table["prompt"].to_pylist())
    groups = set(found.table["split_group"].to_pylist())
    assert 7500 < len(groups) < 8016, "near duplicates are joined, the rest is not"
    assert seconds < 30, "minutes would mean that comparing prompts has become quadratic"


def test_hh_transcripts_can_be_put_together_again(load, real_data: Path) -> None:
    found = load(str(real_data / "hh_rlhf" / "helpful-base.jsonl.gz"), near_duplicates="off")
    names = {"user": "Human", "assistant": "Assistant"}
    num_equal = 0
    for pair in found.table.select(["prompt", "chosen", "original"]).to_pylist():
        turns = [f"\n\n{names[turn['role']]}: {turn['content']}" for turn in pair["prompt"] + pair["chosen"]]
        num_equal += "".join(turns) == json.loads(pair["original"])["chosen"]
    assert num_equal > 0.99 * found.table.num_rows, "but for turns without a space after the colon"
