"""Whatever an endpoint does, no ruling is lost, no answer is paid twice, and what is not judged is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from chat_server import CUT, ChatServer, Reply, chat_server
from judge_server import always, by_schema, by_tag, pair, said
from rewardsmith.contracts.judge import Judge, ResponsePair
from rewardsmith.errors import ConfigError, ModelError, RunError
from rewardsmith.judging.endpoint_judge import EndpointJudge
from rewardsmith.judging.options import ChatJudgeOptions, SpendingOptions
from rewardsmith.models.options import EndpointOptions

PAIRS = [pair("good", "bad"), pair("bad", "good good"), pair("good, but", "but good"), pair("same", "same")]
EXPECTED = ["win", "lose", "tie", "tie"]
Opened = Callable[..., EndpointJudge]


@pytest.fixture
def judge() -> Iterator[Opened]:
    """Opens judges, and closes them in the end."""
    opened: list[EndpointJudge] = []

    def judge(url: str, cost: SpendingOptions = SpendingOptions(), **how: Any) -> EndpointJudge:  # noqa: B008 - frozen
        where = EndpointOptions(base_url=url, max_retries=how.pop("max_retries", 3), request_timeout_s=0.5)
        opened.append(EndpointJudge(ChatJudgeOptions(**{"judge_model": "m", **how}), cost, where))
        return opened[-1]

    yield judge
    for one in opened:
        one.close()


def many(number: int) -> list[ResponsePair]:
    return [pair("good", "bad", f"Prompt {n}") for n in range(number)]


def num_good(server: ChatServer) -> int:
    """Different requests that came."""
    return len({body["messages"][0]["content"] for body in server.asked})


def test_both_orders_are_asked_and_equal_responses_are_not(judge: Opened) -> None:
    with chat_server(by_schema) as server:
        one = judge(server.url)
        assert isinstance(one, Judge)
        rulings = one.judge(PAIRS)
    assert [ruling.outcome for ruling in rulings] == EXPECTED
    assert len(server.asked) == 6
    assert rulings[1].reason == "by the good ones\n\nWith sides swapped: by the good ones"
    assert (rulings[1].shown_first, rulings[1].shown_second) == ("lose", "lose")
    body = server.asked[0]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("m", 0.0, 512)
    assert [*body["response_format"]["json_schema"]["schema"]["properties"]] == ["explanation", "verdict"]


@pytest.mark.parametrize(("verdict", "said_of_first"), [("A", ("win", "lose")), ("B", ("lose", "win"))])
def test_a_judge_that_goes_by_position_gives_ties(judge: Opened, verdict: str, said_of_first: Any) -> None:
    with chat_server(always(verdict)) as server:
        [ruling] = judge(server.url).judge([pair("good", "bad")])
    assert ruling.outcome == "tie" and (ruling.shown_first, ruling.shown_second) == said_of_first


def test_a_tie_in_one_order_is_a_tie(judge: Opened) -> None:
    verdicts = iter("AC")
    with chat_server(lambda body: always(next(verdicts))(body)) as server:
        [ruling] = judge(server.url).judge([pair("good", "bad")])
    assert ruling.outcome == "tie" and {ruling.shown_first, ruling.shown_second} >= {"tie"}


def test_one_random_order_does_not_follow_who_is_called_the_first(judge: Opened) -> None:
    pairs = many(60)
    with chat_server(by_schema) as server:
        one = judge(server.url, rubric="paper")
        rulings = one.judge(pairs)
        swapped = one.judge([each.swapped for each in pairs])
    assert {ruling.outcome for ruling in rulings} == {"win"} and {ruling.outcome for ruling in swapped} == {"lose"}
    assert len(server.asked) == 60  # the swapped pairs are shown as before
    assert 15 < sum(ruling.shown_first is not None for ruling in rulings) < 45


def test_a_refused_schema_is_said_once_and_tags_are_asked_for(
    judge: Opened, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server(by_tag) as server:
        one = judge(server.url)
        assert [ruling.outcome for ruling in one.judge(PAIRS)] == EXPECTED
        one.judge(many(20))
    assert capsys.readouterr().err.count("asked for a tag from now on") == 1
    refused = sum("response_format" in body for body in server.asked)
    assert 1 <= refused <= 8 and len(server.asked) - refused == 46
    assert one.model.spending.num_requests == 46


def test_what_cannot_be_read_is_asked_for_once_more_in_the_other_form(judge: Opened) -> None:
    def reply(body: dict[str, Any]) -> Reply:
        return said(body, "I like both.") if "response_format" in body else by_tag(body)

    with chat_server(reply) as server:
        one = judge(server.url)
        assert one.judge([pair("good", "bad")])[0].outcome == "win"
    assert len(server.asked) == 4 and one.model.spending.num_requests == 4


@pytest.mark.parametrize(
    ("reply", "problem", "words"),
    [
        (lambda body: said(body, "Both are {nice}."), "unreadable", "it ended 'Both are {nice}.'"),
        (lambda body: said(body, "I thi", finish_reason="length"), "cut_off", "`max_judge_tokens`"),
        (lambda body: (200, {"choices": [{"message": {"content": None}}]}), "unreadable", "it ended nothing"),
        (lambda body: (400, {"error": {"message": "too long"}}), "refused", "too long"),
    ],
)
def test_what_is_not_judged_says_why_and_costs_only_itself(judge: Opened, reply: Any, problem: str, words: str) -> None:
    def only_some(body: dict[str, Any]) -> Reply:
        return reply(body) if "Prompt 1" in body["messages"][0]["content"] else by_schema(body)

    with chat_server(only_some) as server:
        one = judge(server.url)
        rulings = one.judge(many(3))
        num_asked = len(server.asked)
        again = judge(server.url).judge(many(3))
        asked_again = len(server.asked) - num_asked
    assert [ruling.outcome for ruling in rulings] == ["win", None, "win"] and again == rulings
    assert rulings[1].problem == problem and words in rulings[1].reason
    assert asked_again == (4 if problem == "refused" else 0)  # what is refused is not paid, and not kept


def test_a_server_in_all_kinds_of_trouble_loses_nothing_and_is_paid_once(judge: Opened) -> None:
    numbers = count()

    def reply(body: dict[str, Any]) -> Reply:
        number = next(numbers)
        if number % 13 == 12:
            time.sleep(0.7)  # longer than anybody waits
        troubles: dict[int, Reply] = {
            0: (429, "slow down", {"Retry-After": "0"}),
            2: (500, "oh"),
            4: (200, "<html>"),
            6: CUT,
            8: (200, {"choices": []}),
        }
        return troubles.get(number % 13, by_schema(body))

    pairs = many(40)
    with chat_server(reply) as server:
        one = judge(server.url, max_retries=8)
        rulings = one.judge(pairs)
        spent = one.model.spending
        assert [ruling.outcome for ruling in rulings] == ["win"] * 40
        assert spent.num_requests == num_good(server) == 80
        assert one.model.num_retries == len(server.asked) - 80 > 20
        assert (spent.num_tokens_in, spent.num_tokens_out, spent.num_uncounted) == (8000, 800, 0)
        num_asked = len(server.asked)
        resumed = judge(server.url)
        assert resumed.judge(pairs) == rulings
    assert len(server.asked) == num_asked and resumed.model.spending.num_kept == 80
    assert resumed.model.spending.num_requests == 0


def test_a_request_that_nobody_answers_is_counted_and_asked_again_by_the_next_run(judge: Opened) -> None:
    broken = threading.Event()
    broken.set()

    def reply(body: dict[str, Any]) -> Reply:
        return (500, "no") if broken.is_set() and "Prompt 1" in body["messages"][0]["content"] else by_schema(body)

    with chat_server(reply) as server:
        rulings = judge(server.url, max_retries=1).judge(many(4))
        assert [ruling.problem for ruling in rulings] == [None, "no_answer", None, None]
        assert "no answer in 2 tries" in rulings[1].reason
        broken.clear()
        num_asked = len(server.asked)
        rulings = judge(server.url).judge(many(4))
    assert [ruling.outcome for ruling in rulings] == ["win"] * 4 and len(server.asked) == num_asked + 2


def test_failures_with_answers_in_between_do_not_end_the_run(judge: Opened) -> None:
    numbers = count(1)
    with chat_server(lambda body: CUT if next(numbers) % 4 == 0 else by_schema(body)) as server:
        rulings = judge(server.url, max_retries=0).judge(many(40))
    problems = [ruling.problem for ruling in rulings]
    assert len(server.asked) == 80 and 10 <= problems.count("no_answer") <= 20
    assert problems.count(None) == 40 - problems.count("no_answer")


def test_an_endpoint_that_is_down_ends_the_run_and_keeps_what_is_paid(judge: Opened) -> None:
    numbers = count()

    def reply(body: dict[str, Any]) -> Reply:
        return by_schema(body) if next(numbers) < 10 else CUT

    with chat_server(reply) as server:
        with pytest.raises(RunError, match="no answer in 1 tries"):
            judge(server.url, max_retries=0).judge(many(50))
        assert len(server.asked) < 50  # of 100: those under way, and few more
        server.reply = by_schema
        num_asked = len(server.asked)
        judge(server.url).judge(many(50))
    assert len(server.asked) - num_asked == 90


@pytest.mark.parametrize(("status", "kind"), [(401, ConfigError), (404, ModelError)])
def test_a_wrong_key_or_model_ends_the_run_at_once(judge: Opened, status: int, kind: Any) -> None:
    with chat_server(lambda _: (status, {"error": {"message": "no"}})) as server, pytest.raises(kind):
        judge(server.url).judge(many(20))
    assert len(server.asked) < 20  # of 40


def test_a_temperature_that_a_server_does_not_take_is_left_out(judge: Opened) -> None:
    def reply(body: dict[str, Any]) -> Reply:
        if "temperature" in body:
            return 400, {"error": {"message": "Unsupported value: 'temperature' does not support 0"}}
        return by_schema(body)

    with chat_server(reply) as server:
        assert [ruling.outcome for ruling in judge(server.url).judge(PAIRS)] == EXPECTED


def test_equal_questions_are_asked_once(judge: Opened) -> None:
    with chat_server(by_schema) as server:
        rulings = judge(server.url).judge([pair("good", "bad"), pair("bad", "good"), pair("good", "bad")])
    assert [ruling.outcome for ruling in rulings] == ["win", "lose", "win"] and len(server.asked) == 2


def test_another_model_rubric_or_address_is_another_question(judge: Opened, tmp_path: Path) -> None:
    rubric = tmp_path / "mine.yaml"
    rubric.write_text("instructions: Prefer what rhymes.\n")
    with chat_server(by_schema) as server:
        first = judge(server.url)
        others = [judge(server.url, **how) for how in ({"judge_model": "n"}, {"rubric": str(rubric)})]
        for one in (first, *others):
            one.judge([pair("good", "bad")])
        assert len({one.fingerprint for one in (first, *others)}) == 3
        assert len(server.asked) == 6 and "Prefer what rhymes." in server.asked[-1]["messages"][0]["content"]
        with chat_server(by_schema) as other:
            judge(other.url).judge([pair("good", "bad")])
        assert len(other.asked) == 2


def test_the_forecast_knows_what_is_kept_and_the_cap_holds_before_anything_is_sent(judge: Opened) -> None:
    prices = {"input_price": 3.0, "output_price": 15.0}
    with chat_server(by_schema) as server:
        judge(server.url).judge(many(2))
        num_asked = len(server.asked)
        one = judge(server.url, SpendingOptions(**prices, max_cost=0.05, max_requests=50), max_judge_tokens=512)
        forecast = one.forecast([*many(20), pair("same", "same")])
        assert (forecast["num_requests"], forecast["num_kept"]) == (36, 4)
        assert forecast["num_tokens_out"] == 36 * 512 and 36 * 300 < forecast["num_tokens_in"] < 36 * 800
        cost = (forecast["num_tokens_in"] * 3 + forecast["num_tokens_out"] * 15) / 1e6
        assert forecast["cost"] == pytest.approx(cost)
        assert (forecast["num_requests_most"], forecast["cost_most"]) == (72, pytest.approx(2 * cost))
        with pytest.raises(ConfigError, match=f"may cost {cost:.2f}; `max_cost` is 0.05"):
            one.model.spending.check_forecast(forecast, "`x`")
        one = judge(server.url, SpendingOptions(**prices, max_cost=1.1 * cost, max_requests=35), max_judge_tokens=512)
        with pytest.raises(ConfigError, match="takes 36 requests; `max_requests` is 35"):
            one.model.spending.check_forecast(forecast, "`x`")
    assert len(server.asked) == num_asked


def test_an_answer_that_cannot_be_read_leaves_something_to_ask(judge: Opened) -> None:
    numbers = count()
    with chat_server(lambda body: said(body, "I like both.") if next(numbers) < 1 else CUT) as server:
        one = judge(server.url, orders="random", max_retries=0)
        one.judge([pair("good", "bad")])
        forecast = one.forecast([pair("good", "bad")])
    assert (forecast["num_requests"], forecast["num_kept"]) == (1, 0)


def test_once_the_cap_is_spent_nothing_more_is_asked(judge: Opened) -> None:
    cost = SpendingOptions(input_price=1000.0, output_price=0.0, max_cost=1.0)  # 0.1 an answer
    with chat_server(by_schema) as server:
        first, second = judge(server.url, cost), judge(server.url)
        with pytest.raises(RunError, match="`max_cost` is 1"):
            first.judge(many(40))
        second.judge(many(40))
    paid = first.model.spending.num_requests
    assert 10 <= paid <= 18  # those under way are paid
    assert second.model.spending.num_requests == 80 - paid


def test_asking_again_stops_at_the_most_requests(judge: Opened) -> None:
    with chat_server(lambda body: said(body, "I like both.")) as server:
        with pytest.raises(RunError, match="as many as `max_requests`"):
            judge(server.url, SpendingOptions(max_requests=80)).judge(many(40))
        assert 80 <= len(server.asked) <= 88  # those under way are paid


def test_where_a_server_counts_nothing_the_cap_goes_by_the_forecast(judge: Opened) -> None:
    def uncounted(body: dict[str, Any]) -> Reply:
        status, answer = by_schema(body)[:2]
        return status, {name: value for name, value in answer.items() if name != "usage"}

    cost = SpendingOptions(input_price=0.0, output_price=10_000.0, max_cost=1.0)  # 0.1 an answer of ten tokens
    with chat_server(uncounted) as server:
        one = judge(server.url, cost, max_judge_tokens=10)
        forecast = one.forecast(many(40))
        with pytest.raises(RunError, match="`max_cost` is 1"):
            one.judge(many(40))
        spent = one.model.spending
        assert 10 <= spent.num_requests == spent.num_uncounted <= 18
        assert spent.num_tokens_out == 10 * spent.num_requests
        assert spent.num_tokens_in / spent.num_requests == pytest.approx(forecast["num_tokens_in"] / 80, abs=1)


def test_options_that_cannot_be_are_refused(judge: Opened) -> None:
    for how, words in (
        ({"judge_model": None}, "`judge_model` is missing"),
        ({"rubric": "helpfull"}, "Did you mean helpful"),
        ({"max_judge_tokens": 0}, "`max_judge_tokens` 0"),
        ({"cost": SpendingOptions(max_cost=1.0)}, "needs `input_price` and `output_price`"),
        ({"cost": SpendingOptions(input_price=-1.0)}, "at least 0"),
    ):
        with pytest.raises(ConfigError, match=words):
            judge("http://localhost:1", **how)  # type: ignore[arg-type]
