import io
from typing import Any

import pytest
from rich.console import Console

from rewardsmith.artifacts.runs.metrics_file import check_metrics
from rewardsmith.contracts.metrics.study_arms import StudyArmsMetrics
from rewardsmith.report.study.arms_report import render_arms_report
from rewardsmith.report.study.arms_tables import arm_rows, measured, rate_rows, verdict
from rewardsmith.report.study.arms_terminal import forecast_in_words, print_arms, print_forecast
from rewardsmith.studies.arms.forecast import ArmForecast, Forecast


def on_test(accuracy: float, gain: float, word: str | None) -> dict[str, Any]:
    return {
        "accuracy": accuracy,
        "nll": 0.6,
        "gain": {"value": gain, "low": gain - 0.01, "high": gain + 0.01},
        "verdict": word,
        "standard_error": 0.005 if word else None,
        "smallest_seen": 0.014 if word else None,
        "pairs_for_a_point": 2000 if word else None,
    }


def arm(name: str, **options: Any) -> dict[str, Any]:
    return {
        "name": name,
        "options": options,
        "same_course": not options,
        "num_pairs": 700,
        "truncated_share": 0.1,
        "learning_rate": {"0": 1e-5, "1": 1e-5},
        "at_end_of_grid": False,
        "held_out": [
            {"learning_rate": 1e-5, "num_seeds": 2, "accuracy": 0.6, "nll": 0.65},
            {"learning_rate": 1e-4, "num_seeds": 1, "accuracy": 0.6, "nll": 0.66},
        ],
        "seconds": 12.0,
        "cost": 2.0 if options else 1.0,
    }


def a_set(name: str, arms: dict[str, Any]) -> dict[str, Any]:
    counts = {"num_pairs": 300, "num_groups": 60, "num_prompts_trained_on": 0, "num_prompts_sampled": 0}
    return {"name": name, "dataset_name": f"{name}.jsonl", "enough_groups": True, **counts, "arms": arms}


@pytest.fixture
def metrics() -> dict[str, Any]:
    plain, other = on_test(0.6, 0.0, None), on_test(0.62, 0.02, "better")
    found = {
        "title": "Arms of training on <i>prefs</i>",
        "dataset_name": "prefs",
        "model": "embedded/minilm",
        "baseline": "plain",
        "num_pairs": 1000,
        "num_quarantined": 0,
        "fold_by": "prompt",
        "test_share": 0.3,
        "held_out_share": 0.1,
        "seeds": [0, 1],
        "learning_rates": [1e-5, 1e-4, 1e-3],
        "choose_rates_on": "first",
        "arms": [arm("plain"), arm("x<b>", dropout=0.1)],
        "tests": [a_set("own", {"plain": plain, "x<b>": other})],
        "num_comparisons": 1,
        "num_clear": 1,
        "failed": [],
        "forecast_s": 100.0,
        "timings": {"trainings": 90.0},
    }
    check_metrics(found, StudyArmsMetrics, "metrics")
    return found


def test_the_baseline_has_an_accuracy_and_the_others_gains(metrics: dict[str, Any]) -> None:
    plain, other = arm_rows(metrics)
    assert (plain.cells, plain.options, plain.rate) == (("60.0%",), "as all", "1e-05")
    assert (other.cells, other.brief) == (("2.0 (1.0 to 3.0) +",), ("2.0 +",))
    assert (plain.seen, other.seen) == (("–",), ("1.4 (2,000 pairs)",))
    assert (other.options, other.cost) == ("dropout 0.1", "2.0")


def test_the_verdict_names_what_is_clear_and_how_much_luck_would_be(metrics: dict[str, Any]) -> None:
    assert "On own these differ clearly from plain, in points: x<b> 2.0 (1.0 to 3.0)." in verdict(metrics)
    assert "1 of 1 comparisons is clear; among so many without any true difference about 0.1 would be" in verdict(
        metrics
    )


def test_where_nothing_is_clear_the_verdict_says_what_would_have_shown(metrics: dict[str, Any]) -> None:
    metrics["tests"][0]["arms"]["x<b>"]["verdict"] = "unclear"
    metrics["num_clear"] = 0
    assert verdict(metrics) == "On own no arm differs clearly from plain; 1.4 points would most likely have shown."
    metrics["tests"][0]["enough_groups"] = False
    assert verdict(metrics) == "On own only 60 groups were tested: too few to say how sure a difference is."


def test_a_choice_at_the_end_of_the_grid_is_told(metrics: dict[str, Any]) -> None:
    metrics["arms"][1]["at_end_of_grid"] = True
    assert "The best rate of x<b> is the lowest or the highest of the grid: widen it." in verdict(metrics)
    assert arm_rows(metrics)[1].rate == "1e-05 *"


def test_rates_are_shown_with_the_choice(metrics: dict[str, Any]) -> None:
    assert rate_rows(metrics)[0] == ("plain", "0.650 chosen", "0.660", "–")


def test_what_differs_besides_the_options_is_named(metrics: dict[str, Any]) -> None:
    words = dict(measured(metrics))
    assert words["arms"].endswith("the same for all arms of a seed, but for x<b>")
    assert words["rates"].endswith("(10% of the pairs not tested on): the first seed, for all")
    assert "caution" not in words
    metrics["arms"][1]["options"] = {"dataset_name": "refined"}
    metrics["failed"] = [{"arm": "x", "learning_rate": 1e-3, "seed": 0, "reason": "it diverged"}]
    metrics["tests"][0] |= {"num_prompts_trained_on": 7, "num_prompts_sampled": 5}
    words = dict(measured(metrics))
    assert words["caution"].startswith("whatever changed the pairs of x<b> may have seen labels that own tests")
    assert words["failed"] == "1; x at 0.001: it diverged"
    assert "7 of its prompts were also trained on; of 5 of its prompts some arm saw unlabelled" in words["test own"]


def test_the_page_escapes_names_and_loads_nothing(metrics: dict[str, Any]) -> None:
    html = render_arms_report(metrics)
    assert "x&lt;b&gt;" in html
    assert "<b>" not in html.partition("</style>")[2].partition("<script>")[0]
    assert "own: x&lt;b&gt; clearly differs from plain" in html
    assert "src=" not in html
    assert "://" not in html.replace("http://www.w3.org", "")


def printed(show: Any) -> str:
    console = Console(file=io.StringIO(), width=100)
    show(console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_terminal_shows_intervals_where_they_fit(metrics: dict[str, Any]) -> None:
    assert "2.0 (1.0 to 3.0) +" in printed(lambda console: print_arms(metrics, console, "report.html"))
    metrics["tests"] *= 3
    text = printed(lambda console: print_arms(metrics, console, "report.html"))
    table = text[text.index("Accuracy of plain") :]
    assert "2.0 +" in table
    assert "(1.0 to 3.0)" not in table
    assert "One point would take about so many test pairs: own 2,000." in table


def test_a_forecast_is_a_table_and_a_sentence() -> None:
    forecast = Forecast({"plain": ArmForecast(5, 3, 60.0, 20.0), "simcse": ArmForecast(5, 3, 130.0, 20.0)}, 2)
    assert forecast_in_words(forecast).startswith("10 trainings and 6 tests, 2 at a time: about 8 min 55 s")
    text = printed(lambda console: print_forecast(forecast, console))
    assert "2 min 10 s" in text
