from __future__ import annotations

import base64
import copy
import hashlib
import re
import time
from html.parser import HTMLParser

import pyarrow as pa
import pytest

from rewardsmith.artifacts.runs.metrics_file import check_metrics
from rewardsmith.contracts.metrics.audit import AuditMetrics
from rewardsmith.report.audit.figures.outcomes import accuracy_finding
from rewardsmith.report.audit.report import figures_of, render_audit_report
from rewardsmith.report.bar_tables import category_table, structured_table
from rewardsmith.report.options import ReportOptions
from rewardsmith.report.sections import key_numbers

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)><!--<script>"


class Outline(HTMLParser):
    """Elements and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope="module")
def audit(fake_audit):
    pairs, strengths = fake_audit.fake_tables(400)
    return fake_audit.fake_metrics(400, strengths), pairs, strengths


@pytest.fixture(scope="module")
def page(audit):
    return render_audit_report(*audit, ReportOptions(report_examples=3))


def poisoned(pairs: pa.Table) -> pa.Table:
    """Every text column says something wicked."""
    message = pa.array(
        [[{"role": EVIL, "content": EVIL + str(i)}] for i in range(pairs.num_rows)], pairs.field("prompt").type
    )
    words = pa.array([EVIL] * pairs.num_rows)
    for name in ("prompt", "chosen", "rejected", "category", "annotator_id"):
        column = message if pa.types.is_list(pairs.field(name).type) else words
        pairs = pairs.set_column(pairs.schema.get_field_index(name), pairs.field(name), column)
    return pairs


def test_page_opens_with_the_verdict_and_the_key_numbers(page, audit):
    words = "".join(Outline(page).words)
    verdict = audit[0]["verdict"]
    places = [words.index(part) for part in (verdict["line"], *verdict["points"], *verdict["rest"])]
    assert places == sorted(places) and places[-1] < words.index("How strong the preferences are")
    for number in ("16 to 22%", "0.712", "0.699 to 0.726", "0.820"):
        assert number in words


def test_every_figure_has_a_finding_as_title_and_words_for_those_who_cannot_see(page):
    outline = Outline(page)
    figures = outline.count("figure")
    assert figures == 9
    images = [attrs for tag, attrs in outline.tags if tag == "svg"]
    assert len(images) == 2 * figures
    assert all(len(image["aria-label"]) > 30 for image in images)
    titles = re.findall(r"<figure[^>]*>\s*<h3>(.+?)</h3>", page)
    assert len(titles) == figures
    assert all(len(title) > 20 for title in titles)


def test_page_loads_nothing_and_lets_only_its_own_script_run(page):
    outline = Outline(page)
    assert not [attrs for _, attrs in outline.tags if attrs.get("src") or (attrs.get("href") or "#")[0] != "#"]
    assert "url(" not in page
    assert "@import" not in page
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1
    assert f"script-src 'sha256-{digest}'" in page


def test_wicked_text_is_shown_and_never_becomes_markup(audit):
    metrics, pairs, strengths = audit
    metrics = copy.deepcopy(metrics)
    metrics |= {
        "title": EVIL,
        "dataset_name": EVIL,
        "verdict": {"line": EVIL, "points": [EVIL], "rest": [EVIL]},
        "next_steps": [{"text": EVIL, "command": EVIL}],
    }
    metrics["categories"][0]["name"] = metrics["annotators"][0]["name"] = EVIL
    metrics["data"]["findings"][0] |= {
        "message": EVIL,
        "check": EVIL,
        "examples": [{"file": EVIL, "line": 3, "row": 2}],
    }
    metrics["planted_flips"][0] |= {"kind": EVIL, "limits": EVIL}
    metrics["planted_flips"][0]["baselines"][1] |= {"method": EVIL, "note": EVIL}
    metrics["structured"] |= {"sentence": EVIL}
    metrics["structured"]["categories"][0]["name"] = EVIL
    outline = Outline(render_audit_report(metrics, poisoned(pairs), strengths, ReportOptions(report_examples=2)))
    assert outline.count("script") == 2  # what runs, and the table's data
    assert outline.count("img") == 0
    assert not [attrs for _, attrs in outline.tags if any(name.startswith("on") for name in attrs)]
    assert sum(EVIL in words for words in outline.words) > 20


def test_characters_that_nobody_sees_are_escapes_wherever_they_stand(audit):
    metrics, pairs, strengths = audit
    hidden = "a\u202eb\x1b[2J\u2066c"
    metrics = copy.deepcopy(metrics)
    metrics |= {"title": hidden, "next_steps": [{"text": hidden, "command": hidden}]}
    metrics["verdict"] |= {"line": hidden}
    metrics["categories"][0]["name"] = hidden
    messages = pa.array([[{"role": "r", "content": hidden}]] * pairs.num_rows, pairs.field("chosen").type)
    pairs = pairs.set_column(pairs.schema.get_field_index("chosen"), "chosen", messages)
    page = render_audit_report(metrics, pairs, strengths, ReportOptions(report_examples=2))
    assert not set("\u202e\u2066\x1b") & set(page)
    assert page.count(r"a\u202eb\x1b[2J\u2066c") > 8


def test_report_text_none_leaves_out_every_text_of_the_data(audit):
    metrics, pairs, strengths = audit
    metrics = copy.deepcopy(metrics)
    secret = "ZZSECRETZZ"
    for row in [*metrics["categories"], *metrics["annotators"], *metrics["structured"]["categories"]]:
        row["name"] = secret
    metrics["data"]["findings"][0]["message"] = secret
    for name in ("prompt", "chosen", "rejected"):
        column = pa.array([[{"role": secret, "content": secret}]] * pairs.num_rows, pairs.field(name).type)
        pairs = pairs.set_column(pairs.schema.get_field_index(name), name, column)
    for name in ("category", "annotator_id", "source", "original"):
        pairs = pairs.set_column(pairs.schema.get_field_index(name), name, pa.array([secret] * pairs.num_rows))
    assert secret in render_audit_report(metrics, pairs, strengths, ReportOptions(report_examples=2))
    hidden = render_audit_report(metrics, pairs, strengths, ReportOptions(report_text="none", report_examples=2))
    assert secret not in hidden
    assert "Texts are left out of this report" in hidden
    assert "category 1" in hidden


def test_errors_by_length_and_category_are_a_sentence_and_a_table(page, audit):
    section = page.split('<section id="structure">')[1].split("</section>")[0]
    words = " ".join(Outline(section).words)
    assert audit[0]["structured"]["sentence"] in words
    assert words.index("coding") < words.index("advice")  # the largest share first
    for number in ("2,011", "47%", "55%", "38%"):
        assert number in words
    assert '<a href="#structure">' in page


def test_errors_that_gather_nowhere_have_no_section(audit):
    metrics, pairs, strengths = audit
    metrics = metrics | {"structured": metrics["structured"] | {"sentence": None}}
    html = render_audit_report(metrics, pairs, strengths, ReportOptions(report_examples=1))
    assert "#structure" not in html and "Do errors follow" not in html


def test_a_category_without_a_name_has_the_same_number_in_both_tables(audit):
    rows = structured_table(audit[0], with_names=False).rows
    assert [row.name for row in rows] == ["category 1", "category 4"]  # coding is the most, advice the least doubtful
    assert category_table(audit[0], with_names=False).rows[0].name == "category 1"
    assert structured_table(audit[0] | {"categories": None}, with_names=False).rows[0].name == "another category"


def test_the_made_up_audit_is_one_that_could_have_been_written(audit):
    check_metrics(audit[0], AuditMetrics, "")


NOT_ALWAYS_MEASURED = ["label_noise", "planted_flips", "length", "categories", "annotators", "structured"]


def test_what_was_not_measured_has_no_section(audit):
    """All at once: whatever a part needs must come from itself."""
    metrics, pairs, strengths = audit
    accuracy = dict.fromkeys(("held_out", "in_sample", "length_only", "attainable")) | {"sentence": ""}
    bare = metrics | dict.fromkeys(NOT_ALWAYS_MEASURED) | {"accuracy": accuracy, "timings": {}}
    check_metrics(bare, AuditMetrics, "")
    html = render_audit_report(bare, pairs, strengths, ReportOptions(report_examples=1))
    sections = ("flips", "attainable", "length-effect", "structure", "groups")
    assert [name for name in sections if f'id="{name}"' in html or f'href="#{name}"' in html] == []
    assert "Data checks" in html and "What to do next" in html


def test_a_missing_detail_takes_only_its_own_figure_along(audit):
    metrics = copy.deepcopy(audit[0])
    metrics["strength"]["spread_by_bin"] = []
    metrics["accuracy"]["attainable"] = None
    drawn = {name for name, figure in figures_of(metrics, audit[2]).items() if figure}
    assert drawn == {"distribution", "spread", "length", "accuracy"}


def test_without_held_out_strengths_the_report_says_that_they_are_in_sample(audit):
    metrics, pairs, strengths = audit
    for name in ("strength_mean", "strength_std", "p_wrong"):
        empty = pa.nulls(strengths.num_rows, pa.float32())
        strengths = strengths.set_column(strengths.schema.get_field_index(name), name, empty)
    html = render_audit_report(metrics, pairs, strengths, ReportOptions(report_examples=2))
    assert "Strengths are in-sample" in html


def test_noise_that_cannot_be_told_is_not_given_as_a_number(audit):
    noise = audit[0]["label_noise"] | {"value": None, "low": 0.05, "high": 0.33}
    number = key_numbers(audit[0] | {"label_noise": noise})[0]
    assert (number.value, number.detail) == ("cannot be told", "5.0 to 33% is possible")


def test_counts_of_a_small_set_stand_beside_their_range(audit):
    stability = {"num_resamples": 20, "flagged": {"low": 31, "high": 77}, "share": {"low": 0.11, "high": 0.24}}
    share, flagged, *_ = key_numbers(audit[0] | {"stability": stability})
    assert share.detail.endswith("11 to 24% in resampled sets") and "(31 to 77 in resampled sets)" in flagged.detail
    assert not [number for number in key_numbers(audit[0] | {"stability": None}) if "resampled" in number.detail]


def test_an_attainable_accuracy_that_cannot_be_told_blames_nobody(audit):
    accuracy = audit[0]["accuracy"] | {"attainable": {"value": None, "low": 0.65, "high": 0.95}}
    metrics = audit[0] | {"accuracy": accuracy}
    assert "cannot be told" in accuracy_finding(metrics)
    assert "attainable" not in " ".join(number.label for number in key_numbers(metrics))


def test_an_attainable_accuracy_that_is_known_tells_whose_fault_it_is(audit):
    assert "where these labels allow at most 0.78 to 0.84" in accuracy_finding(audit[0])
    assert "0.810" in [number.value for number in key_numbers(audit[0])]


@pytest.mark.parametrize(("kind", "told"), [("probe", "share one trunk"), ("given", "seen these labels is not known")])
def test_what_a_kind_of_ensemble_cannot_know_is_said(audit, kind, told):
    metrics = audit[0] | {"ensemble": audit[0]["ensemble"] | {"kind": kind}}
    page = render_audit_report(metrics, *audit[1:], ReportOptions(report_examples=1))
    assert told in page
    assert ("A judge never trained on the pair it judges" in page) == (kind != "given")


@pytest.mark.slow
def test_a_million_pairs_stay_small_and_fast(fake_audit):
    pairs, strengths = fake_audit.fake_tables(1_000_000)
    metrics = fake_audit.fake_metrics(1_000_000, strengths)
    start = time.perf_counter()
    html = render_audit_report(metrics, pairs, strengths, ReportOptions())
    assert time.perf_counter() - start < 20
    assert len(html.encode()) < 10e6
