"""A reward model for trainers: opened once, asked by many, and plain about what it cannot do."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from answered_prompts import ANSWERED, user
from waiting_scorers import Refusing, letters

import rewardsmith
from rewardsmith.errors import ConfigError, DataError, RefusedError, RunError
from rewardsmith.serving.callables import opened_models
from stub_scorer import StubScorer

Scored = Callable[..., list[float]]


def asked(function: Callable[..., Any], answered: Sequence[tuple[Any, Any]] = ANSWERED) -> Any:
    return function(*zip(*answered, strict=True))


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Callable[[StubScorer], list[str]]:
    """Puts a stub in the place of every model; gives the names of those that are opened."""

    def install(scorer: StubScorer) -> list[str]:
        names: list[str] = []

        def load(name: str, *_: Any) -> StubScorer:
            names.append(name)
            return scorer

        monkeypatch.setattr(opened_models, "open_scorer", load)
        return names

    return install


def test_a_model_is_opened_when_it_is_asked_and_once_for_all(stub: Callable[[StubScorer], list[str]]) -> None:
    names = stub(StubScorer(letters))
    functions = [rewardsmith.reward_function("rm", name=str(number)) for number in range(8)]
    assert names == []
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(asked, functions)) == [[len(response) for _, response in ANSWERED]] * 8
    assert names == ["rm"]
    asked(rewardsmith.reward_function("rm", max_length=7))
    assert names == ["rm", "rm"]


def test_a_refused_conversation_is_named_where_it_was_asked_for(stub: Callable[[StubScorer], list[str]]) -> None:
    stub(Refusing(letters))
    with pytest.raises(RefusedError, match="row 1 of the trainer's batch, response 'refuse': not this"):
        asked(rewardsmith.reward_function("rm"), [(user("?"), "a"), (user("?"), "refuse")])


@pytest.mark.parametrize("reward", [float("nan"), float("inf")])
def test_a_reward_that_is_no_number_names_its_row(reward: float, stub: Callable[[StubScorer], list[str]]) -> None:
    stub(StubScorer(lambda text: reward if text == "No." else 0.0))
    with pytest.raises(RunError, match=f"row 1 of the trainer's batch, response 'No.': its reward is {reward}"):
        asked(rewardsmith.reward_function("rm"))


def test_what_is_cut_is_said_once(stub: Callable[[StubScorer], list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    stub(StubScorer(letters, max_words=6))
    for _ in range(2):
        asked(rewardsmith.reward_function("rm"))
    assert capsys.readouterr().err == "The reward model cuts 2 of 5 conversations (`max_length`).\n"


@pytest.mark.parametrize(
    ("prompt", "response", "problem"),
    [
        (user("?"), None, 'row 1 of the trainer\'s batch: there is no "completion"'),
        (user("?"), user("?"), "row 1 of the trainer's batch: it does not end with a turn of the assistant"),
        ([{"role": "nobody", "content": "?"}], "a", "row 1 of the trainer's batch: .*unknown|row 1 .* role 'nobody'"),
    ],
)
def test_what_is_no_conversation_names_its_row(prompt: Any, response: Any, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        asked(rewardsmith.reward_function("rm"), [(user("?"), "a"), (prompt, response)])


def test_members_become_one_reward_as_in_score(ensemble: Path, scored: Scored) -> None:
    for options in ({}, {"aggregate": "min"}, {"aggregate": "mean_minus_std", "aggregate_coefficient": 0.5}):
        function = rewardsmith.reward_function(ensemble, device="cpu", **options)
        assert asked(function) == scored(ensemble, ANSWERED, **options)


def test_a_function_travels_without_its_model(reward_model: Path) -> None:
    function = rewardsmith.reward_function(reward_model, device="cpu")
    rewards = asked(function)
    packed = pickle.dumps(function)
    assert len(packed) < 2000
    assert asked(pickle.loads(packed)) == rewards  # noqa: S301 - as Ray does between its processes


@pytest.mark.slow
def test_processes_give_the_same_rewards(reward_model: Path) -> None:
    function = rewardsmith.reward_function(reward_model, device="cpu")
    prompts, responses = zip(*ANSWERED, strict=True)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        theirs = list(pool.map(function, [prompts] * 4, [responses] * 4))
    assert theirs == [function(prompts, responses)] * 4


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"form": "ppo"}, "form must be one of trl, openrlhf, verl, not 'ppo'"),
        ({"aggregat": "min"}, "unknown option 'aggregat'. Did you mean aggregate?"),
        ({"aggregate": "min", "aggregate_coefficient": 1.0}, "`aggregate_coefficient`: min takes no coefficient"),
        ({"policy_name_or_path": "p"}, "`policy_name_or_path` is for the form openrlhf"),
        ({"form": "openrlhf"}, "`policy_name_or_path` is missing"),
    ],
)
def test_options_that_do_not_fit_are_told_before_a_model_is_opened(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        rewardsmith.reward_function("nowhere", **options)
