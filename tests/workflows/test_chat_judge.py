"""A chat model that labels what a policy wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rewardsmith
from chat_server import chat_server
from judge_server import by_schema, said
from rewardsmith.artifacts.flat_config import build_config
from rewardsmith.errors import ConfigError, RunError
from rewardsmith.policy.rounds.choosing import SamplePair
from rewardsmith.policy.rounds.round_samples import RoundSamples
from rewardsmith.preferences.messages import assistant, user
from rewardsmith.workflows.loop.chat_judge import open_chat_judge, ruled
from rewardsmith.workflows.loop.checks import check_iterate
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
        with pytest.raises(ConfigError, match="Judging takes 6 requests, more than `max_requests` 5"):
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


@pytest.mark.slow
def test_a_loop_learns_from_what_a_chat_model_says(tmp_path: Path) -> None:
    inputs = save_inputs(tmp_path / "inputs")
    with chat_server(by_schema) as server:
        how = {"labels": "judge", "base_url": server.url, "judge_model": "m", "labels_per_round": 3}
        given = {**SMALL, **inputs, **how, "num_rounds": 1, "quiet": True}
        found = rewardsmith.iterate(given.pop("dataset_name"), output_dir=tmp_path / "loop", **given).metrics
    assert found["judged_by"] is None
    labels = found["rounds"][0]["labels"]
    assert labels is not None and labels["by"] == "judge" and labels["num_pairs"] == 3 and server.asked
