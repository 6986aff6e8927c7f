"""A chat model that labels what a policy wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rewardsmith
from chat_server import chat_server
from judge_server import by_schema, said
from rewardsmith.artifacts.config.flat_config import build_config
from rewardsmith.errors import ConfigError, RunError
from rewardsmith.policy.rounds.choosing import SamplePair
from rewardsmith.policy.rounds.round_samples import RoundSamples
from rewardsmith.preferences.rows.messages import assistant, user
from rewardsmith.workflows.loop.chat_judge import open_chat_judge, ruled
from rewardsmith.workflows.loop.checks import check_iterate
from rewardsmith.workflows.loop.files import LoopFiles
from rewardsmith.workflows.loop.forecast import in_small
from rewardsmith.workflows.loop.loop import Loop
from rewardsmith.workflows.loop.material import Material
from rewardsmith.workflows.loop.setting import Setting
from rewardsmith.workflows.options.iterate import IterateConfig
from small_loops import SMALL, save_inputs

ANSWERS = ["good", "good good", "bad", "bad"]
SAMPLES = RoundSamples([[user("Say something.")]], [[assistant(text) for text in ANSWERS]], [[True] * 4])
PAIRS = [SamplePair(0, 0, 1), SamplePair(0, 1, 2), SamplePair(0, 2, 0)]


@pytest.fixture(autouse=True)
def _own_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REWARDSMITH_CACHE", str(tmp_path / "cache"))


def config(url: str, **options: Any) -> IterateConfig:
    return build_config(
        IterateConfig,
        {
            "dataset_name": "embedded/world",
            "labels": "judge",
            "base_url": url,
            "judge_model": "m",
            "max_retries": 0,
            "quiet": True,
            **options,
        },
    )


def test_the_favourite_is_kept_or_not_as_the_model_says() -> None:
    with chat_server(by_schema) as server, open_chat_judge(config(server.url)) as judge:
        assert ruled(judge, SAMPLES, PAIRS) == ["flip", "keep", "flip"]
        assert len(server.asked) == 6, "in both orders"
        assert ruled(judge, SAMPLES, PAIRS) == ["flip", "keep", "flip"] and len(server.asked) == 6, "paid once"


def test_pairs_that_are_not_judged_are_said_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    def reply(body: dict[str, Any]) -> Any:
        shown = body["messages"][-1]["content"]
        return said(body, "who knows") if shown.count("good") == 3 else by_schema(body)

    with chat_server(reply) as server, open_chat_judge(config(server.url, quiet=False)) as judge:
        assert ruled(judge, SAMPLES, PAIRS) == [None, "keep", "flip"]
    assert "1 of 3 pairs were not judged, the first:" in capsys.readouterr().err


def test_a_judge_who_says_nothing_stops_the_round() -> None:
    with (
        chat_server(lambda body: said(body, "who knows")) as server,
        open_chat_judge(config(server.url)) as judge,
        pytest.raises(RunError, match=r"3 of 3 pairs were not judged.*asks for the others again"),
    ):
        ruled(judge, SAMPLES, PAIRS)


def test_a_judge_who_is_too_dear_is_not_asked() -> None:
    with chat_server(by_schema) as server, open_chat_judge(config(server.url, max_requests=5)) as judge:
        with pytest.raises(ConfigError, match=r"6 requests; `max_requests` is 5"):
            ruled(judge, SAMPLES, PAIRS)
        assert not server.asked


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": None, "judge_model_path": "rm"}, "`judge_model` m: say with `base_url` where"),
        ({"base_url": None, "judge_model": None}, "name a reward model with `judge_model_path`, or a chat model"),
        ({"labels": "gold"}, "a chat model is asked with `labels` judge alone"),
        ({"label_flip_rate": 0.1}, "what a chat model says is taken as it is"),
        ({"policy_lora_r": 0}, "`policy_lora_r` 0 must be at least 1"),
        ({"dataset_name": "embedded/world", "flip_rate": 2.0}, "`flip_rate` 2.0 must be at least 0 and below 1"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_iterate(config("http://localhost:1/v1", **options))


def test_caps_are_those_of_all_rounds(tmp_path: Path) -> None:
    paid = tmp_path / "paid.json"
    prices = {"input_price": 1000.0, "output_price": 0.0}  # 0.1 an answer
    with chat_server(by_schema) as server:
        with open_chat_judge(config(server.url, max_requests=12), paid) as judge:
            ruled(judge, SAMPLES, PAIRS)
        more = RoundSamples([[user("Say more.")]], SAMPLES.responses, SAMPLES.ended)
        for options, words in (
            ({"max_requests": 7}, r"2 requests, after 6 that are paid; `max_requests` is 7"),
            ({"max_cost": 0.6, **prices}, r"after 0.60 that are paid; `max_cost` is 0.6.*`labels_per_round`"),
        ):
            with (
                open_chat_judge(config(server.url, **options), paid) as judge,
                pytest.raises(ConfigError, match=words),
            ):
                ruled(judge, more, PAIRS[:1])
        assert len(server.asked) == 6
        with open_chat_judge(config(server.url, max_requests=10), paid) as judge:
            ruled(judge, more, PAIRS[:1])
    assert json.loads(paid.read_text())["num_requests"] == len(server.asked) == 8


def test_rounds_in_small_pay_nobody(tmp_path: Path) -> None:
    asked = config("http://localhost:1/v1")
    setting = Setting(asked, asked, "prefs", None, None, None, None, "sha256:1", [], [])
    loop = Loop(setting, Material(None, 0, None, [], [], None), LoopFiles(tmp_path))
    small = in_small(loop, tmp_path, num_prompts=4, num_rollouts=1).config
    assert loop.config.labels_by_chat and not small.labels_by_chat and small.labelling.labels == "none"


@pytest.mark.slow
def test_a_loop_learns_from_what_a_chat_model_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewardsmith.workflows.loop.forecast.PAYS_FROM", 1)
    prompts: list[str] = []

    def reply(body: dict[str, Any]) -> Any:
        prompts.append(body["messages"][-1]["content"].partition("[Response A begins]")[0])
        return said(body, "who knows") if prompts[-1] == prompts[0] else by_schema(body)

    inputs = save_inputs(tmp_path / "inputs")
    with chat_server(reply) as server:
        how = {"labels": "judge", "base_url": server.url, "judge_model": "m", "labels_per_round": 3}
        given = {**SMALL, **inputs, **how, "num_rounds": 1, "quiet": True}
        dataset = given.pop("dataset_name")
        with pytest.raises(ConfigError, match="6 requests; `max_requests` is 5"):
            rewardsmith.iterate(dataset, output_dir=tmp_path / "loop", max_requests=5, **given)
        assert not server.asked
        found = rewardsmith.iterate(dataset, output_dir=tmp_path / "loop", max_requests=12, **given).metrics
    assert (found["judged_by"], found["chat_judge"]) == (None, "m")
    labels = found["rounds"][0]["labels"]
    assert labels == {"num_pairs": 2, "num_not_judged": 1, "by": "judge", "wrong_share": None}
    assert len((tmp_path / "loop" / "round-1" / "not_judged.jsonl").read_text().splitlines()) == 1
    paid = json.loads((tmp_path / "loop" / "paid.json").read_text())
    assert paid["num_requests"] == len(server.asked) == 8, "both forms of one pair, and nothing in small"
