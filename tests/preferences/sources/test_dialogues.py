from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from rewardsmith.preferences.sources.embedded import dialogues_path

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture(scope="module")
def rows():
    with gzip.open(dialogues_path(), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture
def checks(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from dialogues import checks

    yield checks
    for name in [name for name in sys.modules if name.split(".")[0] == "dialogues"]:
        del sys.modules[name]


def truths(rows):
    return [row["meta"]["truth"] for row in rows]


def test_the_file_is_small_and_says_neither_when_nor_where_it_was_made():
    start = dialogues_path().read_bytes()[:10]
    assert dialogues_path().stat().st_size < 3_000_000
    assert start[3] == 0  # no file name
    assert start[4:8] == bytes(4)  # no time


def test_there_are_about_two_thousand_pairs_of_hundreds_of_prompts_in_the_votes_form(rows):
    assert 1900 <= len(rows) <= 2100
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({json.dumps(row["prompt"]) for row in rows}) >= 350
    assert len({row["category"] for row in rows}) == 8
    keys = {"id", "source", "prompt", "chosen", "rejected", "category", "annotator_id", "meta"}
    assert all(set(row) == keys and set(row["meta"]) == {"truth"} for row in rows)


def test_every_prompt_ends_with_the_user_and_responses_are_different_and_not_empty(rows):
    for row in rows:
        assert row["prompt"][-1]["role"] == "user"
        assert row["chosen"].strip()
        assert row["rejected"].strip()
        assert row["chosen"] != row["rejected"]
    roles = [[message["role"] for message in row["prompt"]] for row in rows]
    assert sum(len(r) == 3 and r[0] == "user" for r in roles) >= 50
    assert sum(r[0] == "system" for r in roles) >= 30


def test_no_pair_occurs_twice(rows):
    keys = {(json.dumps(r["prompt"]), *sorted((r["chosen"], r["rejected"]))) for r in rows}
    assert len(keys) == len(rows)


def test_fifteen_percent_of_the_labels_are_flipped_and_the_truth_agrees_with_itself(rows):
    flipped = np.array([t["flipped"] for t in truths(rows)])
    gap = np.array([t["gap"] for t in truths(rows)])
    # 1,985 pairs: one more or fewer moves the share by 0.0005.
    assert flipped.mean() == pytest.approx(0.15, abs=0.002)
    assert ((gap < 0) == flipped).all()
    close, clear = np.array_split(flipped[np.argsort(np.abs(gap))], 2)
    assert close.mean() > 1.5 * clear.mean()


def test_annotators_differ_in_skill(rows):
    rates = {}
    for name in {row["annotator_id"] for row in rows}:
        rates[name] = np.mean([r["meta"]["truth"]["flipped"] for r in rows if r["annotator_id"] == name])
    assert len(rates) == 4
    assert max(rates.values()) > 4 * min(rates.values())


def test_five_grades_from_four_causes_overlap(rows):
    sides = [t[side] for t in truths(rows) for side in ("chosen", "rejected")]
    grades = np.array([s["grade"] for s in sides])
    quality = np.array([s["quality"] for s in sides])
    assert {s["cause"] for s in sides} >= {"relevance", "correctness", "completeness", "form"}
    assert set(grades) == {1, 2, 3, 4, 5}
    for grade in range(1, 5):
        assert (grades == grade).sum() >= 200
        assert np.quantile(quality[grades == grade], 0.9) > np.quantile(quality[grades == grade + 1], 0.1)


def test_length_alone_says_next_to_nothing(rows, checks):
    assert checks.length_accuracy(rows, "letters") <= 0.52
    assert checks.length_accuracy(rows, "words") <= 0.53


def test_every_grade_has_the_same_lengths(rows):
    words = {grade: [] for grade in range(1, 6)}
    for row in rows:
        for side in ("chosen", "rejected"):
            words[row["meta"]["truth"][side]["grade"]].append(len(row[side].split()))
    means = [np.mean(words[grade]) for grade in words]
    assert max(means) < 1.12 * min(means)


def test_where_a_response_comes_from_does_not_give_it_away(rows, checks):
    # A share of some 2,000 fair draws has a standard error of about 0.01.
    assert checks.summary(rows)["reference_wins_over_sample"] == pytest.approx(0.5, abs=0.03)


def test_prompts_of_the_set_are_those_of_the_source_files(rows, checks):
    from dialogues.prompts import read_prompts

    written = {json.dumps(prompt.as_messages()) for prompt in read_prompts(SCRIPTS / "dialogues" / "prompts")}
    assert {json.dumps(row["prompt"]) for row in rows} <= written


@pytest.mark.slow
def test_a_linear_probe_finds_the_set_neither_trivial_nor_hopeless(rows, checks):
    best = max(checks.probe_accuracies(rows).values())
    assert checks.PROBE_RANGE[0] <= best <= checks.PROBE_RANGE[1]


@pytest.mark.slow
def test_the_script_makes_the_same_bytes_again(checks, tmp_path):
    import make_dialogues

    make_dialogues.write_rows(make_dialogues.make_rows(make_dialogues.RAW, seed=0), tmp_path / "again.jsonl.gz")
    with gzip.open(tmp_path / "again.jsonl.gz") as again, gzip.open(dialogues_path()) as kept:
        assert again.read() == kept.read()
