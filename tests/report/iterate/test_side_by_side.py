from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rewardsmith.report.iterate.side_by_side import NUM_SHOWN, answered_prompts


def test_first_best_and_last_answer_the_same_prompts(run: dict[str, Any], samples: Path) -> None:
    found = answered_prompts(run, samples)
    assert len(found) == NUM_SHOWN
    assert [turn.text.head[0].text for turn in found[1].turns] == ["what is good about prompt 1?"]
    assert [answer.policy for answer in found[1].answers] == ["first policy", "round 2, best", "round 3, last"]
    assert [answer.worth for answer in found[1].answers] == ["gold 0.40", "gold 0.53", "gold 0.31"]
    assert found[1].answers[2].text.head[0].text.startswith("policy 3 says")


def test_the_best_may_be_the_last_the_first_or_unknown(run: dict[str, Any], samples: Path) -> None:
    for best, names in (
        (3, ["first policy", "round 3, best, last"]),
        (0, ["first policy, best", "round 3, last"]),
        (None, ["first policy", "round 3, last"]),
    ):
        [one, *_] = answered_prompts(run | {"best_round": best}, samples)
        assert [answer.policy for answer in one.answers] == names


def test_without_files_or_rounds_there_is_nothing_to_show(run: dict[str, Any], samples: Path, tmp_path: Path) -> None:
    assert answered_prompts(run, tmp_path / "elsewhere") == []
    assert answered_prompts(run | {"rounds": [], "best_round": 0}, samples) == []


def test_a_response_without_a_known_worth_and_messages_are_shown_as_they_are(
    run: dict[str, Any], samples: Path
) -> None:
    row = {
        "prompt": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        "responses": [[{"role": "assistant", "content": "<b>hello</b>"}]],
    }
    for number in (0, 2, 3):
        name = f"round-{number}" if number else "first"
        (samples / name / "test.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    [one] = answered_prompts(run, samples)
    assert [turn.role for turn in one.turns] == ["system", "user"]
    assert (one.answers[0].worth, one.answers[0].text.head[0].text) == ("", "<b>hello</b>")
