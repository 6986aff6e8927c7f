"""The tables of the reports, in a real browser and mostly by keyboard."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from browser_page import BROWSER, BrowserPage
from rewardsmith.report.audit.report import render_audit_report
from rewardsmith.report.options import ReportOptions

pytestmark = [pytest.mark.browser, pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")]

NUM_PAIRS = 300
CURRENT = "document.activeElement"
STATE = "document.querySelector('[role=status]').textContent"
MARKS = "[...document.querySelectorAll('.opened mark')].map((mark) => mark.textContent)"
WICKED = (
    "</script><script>window.harmed = 1</script><style>*{display:none}</style><img src=x onerror='harmed=1'>"
    "\u202eabc\x1b[2J"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserPage]:
    with BrowserPage(tmp_path_factory.mktemp("browser")) as opened:
        yield opened
        assert opened.errors == []


@pytest.fixture(scope="module")
def written(fake_audit: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Writes the report of a made-up audit; every one has a place of its own in the browser's memory."""
    folder = tmp_path_factory.mktemp("reports")

    def write(texts: Any = None, num_pairs: int = NUM_PAIRS, **options: Any) -> Path:
        pairs, strengths = fake_audit.fake_judged(num_pairs, texts=texts)
        path = folder / f"{len(list(folder.iterdir()))}.html"
        metrics = fake_audit.fake_metrics(num_pairs, strengths)
        path.write_text(render_audit_report(metrics, pairs, strengths, ReportOptions(**options), str(path)))
        return path

    return write


@pytest.fixture(scope="module")
def report(written: Any) -> Path:
    path: Path = written()
    return path


def to_the_table(page: BrowserPage) -> None:
    """From the filter by text on, by the tabulator alone."""
    page.run("document.querySelector('input[name=text]').focus()")
    for _ in range(40):
        page.press("Tab")
        if page.run(f"{CURRENT}.classList.contains('entry')"):
            return
    raise AssertionError("no row of the table can be reached by the keyboard")


def decisions(page: BrowserPage, number: int = 8) -> list[str]:
    return page.run(f"[...document.querySelectorAll('td.decision')].slice(0, {number}).map((cell) => cell.textContent)")


def rows(page: BrowserPage) -> list[int]:
    return page.run("[...document.querySelectorAll('.entry td.row')].map((cell) => Number(cell.textContent))")


def number_of(page: BrowserPage, selector: str, condition: str = "true") -> int:
    return page.run(f"[...document.querySelectorAll({json.dumps(selector)})].filter((e) => {condition}).length")


def brightness(colour: str) -> float:
    """Of ``rgb(1, 2, 3)``, from 0 to 255."""
    return sum(map(int, colour.strip("rgb()").split(", "))) / 3


def downloaded(page: BrowserPage, folder: Path) -> list[dict[str, Any]]:
    folder.mkdir()
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    page.run("document.querySelector('.download').click()")
    file, deadline = folder / "decisions.jsonl", time.monotonic() + 30
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def loaded(page: BrowserPage, file: Path) -> str:
    """What the page says of a file of decisions that is given to it."""
    page.run("document.querySelector('.loaded').textContent = ''")
    there = page.call("Runtime.evaluate", expression="document.querySelector('input[type=file]')")["result"]["objectId"]
    page.call("DOM.setFileInputFiles", files=[str(file)], objectId=there)
    deadline = time.monotonic() + 30
    while not (said := page.run("document.querySelector('.loaded').innerText")) and time.monotonic() < deadline:
        time.sleep(0.05)
    return said


def test_the_page_s_own_script_runs_under_its_policy(page: BrowserPage, report: Path):
    page.open(report.as_uri())
    # The button is hidden in the file; only the script names it and shows it.
    assert page.run("document.getElementById('theme').checkVisibility()")
    assert page.run("document.getElementById('theme').textContent") == "Dark"


def test_keys_decide_and_undo_and_the_browser_keeps_it(page: BrowserPage, report: Path, tmp_path: Path):
    page.open(report.as_uri())
    to_the_table(page)
    page.press("1", "x", "t", "4", " ", "a")
    assert decisions(page) == ["keep", "flip", "tie", "drop", "", "keep", "", ""]
    page.press("Ctrl+z", "Backspace")
    page.press("2")
    page.press("k", "k", "0")
    assert decisions(page)[:6] == ["keep", "flip", "", "flip", "", ""]
    page.press("u")
    total = page.run("document.querySelector('progress').max")
    assert page.run(STATE) == f"4 of {total} decided: 1 keep, 2 flip, 1 tie"
    assert page.run("document.querySelector('progress').value") == 4

    page.open(report.as_uri())
    assert decisions(page)[:5] == ["keep", "flip", "tie", "flip", ""]
    data = page.run("JSON.parse(document.getElementById('pair-table-data').textContent).rows.slice(0, 4)")
    words = ("keep", "flip", "tie", "flip")
    expected = [
        {"pair_id": row["id"], "row": row["row"], "decision": word} for row, word in zip(data, words, strict=True)
    ]
    assert downloaded(page, tmp_path / "there") == expected
    to_the_table(page)
    page.press(*["u"] * 40)
    assert "0 of" in page.run(STATE) and page.run("document.querySelector('.undo').disabled")


def test_decisions_are_loaded_from_a_file_as_one_step_and_those_here_stay(
    page: BrowserPage, written: Any, tmp_path: Path
):
    address = written().as_uri()
    page.open(address)
    to_the_table(page)
    page.press("1", "2", "3")
    lines = downloaded(page, tmp_path / "there")
    page.run("localStorage.clear()")

    page.open(address)
    file = tmp_path / "there" / "decisions.jsonl"
    assert loaded(page, file) == "decisions.jsonl: 3 decisions taken. Undo takes them back together."
    assert decisions(page, 4) == ["keep", "flip", "tie", ""]
    to_the_table(page)
    page.press("u")
    assert decisions(page, 4) == [""] * 4 and page.run("document.querySelector('.undo').disabled")

    page.press("k", "k", "4", "2")
    said = loaded(page, file)
    assert "1 decision taken" in said and "Here already: 1. Decided otherwise here, and left so: 1." in said
    assert decisions(page, 4) == ["drop", "flip", "tie", ""]
    page.run("document.querySelector('.loaded button').click()")
    assert decisions(page, 4) == ["keep", "flip", "tie", ""]
    assert downloaded(page, tmp_path / "again") == lines
    page.open(address)
    to_the_table(page)
    page.press("u")
    assert decisions(page, 4) == ["drop", "flip", "tie", ""]
    page.press("u")
    assert decisions(page, 4) == ["drop", "flip", "", ""]


def test_what_is_no_decision_of_a_pair_here_is_counted_and_not_taken(page: BrowserPage, written: Any, tmp_path: Path):
    page.open(written().as_uri())
    file = tmp_path / "other.jsonl"
    file.write_text(
        '{"pair_id": "elsewhere", "decision": "keep"}\n\n{"row": 1, "decision": "keep"}\nhello\n{"pair_id": "p"}\n[]\n'
    )
    assert loaded(page, file) == (
        "other.jsonl: 0 decisions taken. Of pairs that are not in this table: 1. "
        "No pair_id with keep, flip, tie or drop: lines 3, 4, 5 and 1 more."
    )
    assert "0 of" in page.run(STATE)


def test_a_pair_opens_with_its_differences_marked_and_the_next_one_follows(page: BrowserPage, report: Path):
    page.open(report.as_uri())
    to_the_table(page)
    page.press("Enter")
    assert page.run("document.querySelectorAll('.opened').length") == 1
    assert "CHOSENTEXT" in page.run("document.querySelector('.opened .chosen').textContent")
    first = page.run("document.querySelector('.opened .facts').textContent")
    page.run("document.querySelectorAll('.opened .decide button')[1].click()")
    assert decisions(page)[:2] == ["flip", ""]
    assert page.run("document.querySelectorAll('.opened').length") == 1
    assert page.run("document.querySelector('.opened .facts').textContent") != first
    page.press("k")
    assert page.run("document.querySelector('.opened [aria-pressed=true]').textContent") == "2 flip"
    page.press("2", "Escape", "u")
    page.press("Escape")
    assert page.run("document.querySelectorAll('.opened').length") == 0


def test_only_words_of_one_response_are_marked(page: BrowserPage, written: Any):
    prompt = [{"role": "user", "content": "Which?"}]
    page.open(written([(prompt, "a fine red house stands here", "a fine blue house stands here")]).as_uri())
    to_the_table(page)
    page.press("o")
    assert page.run(MARKS) == ["red", "blue"]
    assert page.run("document.querySelector('.opened .chosen .text').textContent") == "a fine red house stands here"


def test_pairs_are_filtered_and_sorted(page: BrowserPage, written: Any):
    prompt = [{"role": "user", "content": "Which?"}]
    sides = (("a longer one", "short"), ("short", "a longer one"), ("a", "b"))
    page.open(written([(prompt, *both) for both in sides]).as_uri())
    data = page.run("JSON.parse(document.getElementById('pair-table-data').textContent).rows")

    def choose(name: str, value: str) -> None:
        page.run(f"document.querySelector('[name={name}]').value = {json.dumps(value)}")
        page.run(f"document.querySelector('[name={name}]').dispatchEvent(new Event('input', {{bubbles: true}}))")

    choose("category", "cooking")
    choose("change", "drop")
    assert rows(page) == [r["row"] for r in data if r["category"] == "cooking" and r["change"] == "drop"] != []
    choose("category", "")
    choose("change", "")
    choose("length", "rejected")
    choose("class", "incorrect")
    assert set(rows(page)) == {r["row"] for r in data if r["length"] < 0 and r["class"] == "incorrect"} != set()
    page.run("document.querySelector('[data-key=strength]').click()")
    strengths = {r["row"]: r["strength"] for r in data}
    assert [strengths[row] for row in rows(page)] == sorted((strengths[row] for row in rows(page)), reverse=True)
    page.run("document.querySelector('[data-key=strength]').click()")
    assert page.run("document.querySelector('th[aria-sort]').ariaSort") == "ascending"
    assert [strengths[row] for row in rows(page)] == sorted(strengths[row] for row in rows(page))
    choose("length", "")
    choose("class", "")
    to_the_table(page)
    page.press("1")
    choose("decision", "decided")
    assert decisions(page) == ["keep"] and "1 pass the filters" in page.run(STATE)
    to_the_table(page)
    page.press("u", "/")
    page.press(*"row 1")
    found = {r["row"] for r in data if str(r["row"]).startswith("1")}
    choose("decision", "")
    assert set(rows(page)) == found
    page.press(*"x7")
    assert rows(page) == [] and page.run("document.querySelector('.nothing').checkVisibility()")
    page.press("Escape", "1", "j", "Enter")  # on an empty table: nothing


def test_keys_are_shown(page: BrowserPage, report: Path):
    page.open(report.as_uri())
    to_the_table(page)
    page.press("?")
    assert page.run("document.querySelector('dialog').open")
    assert "keep the label" in page.run("document.querySelector('dialog').textContent")
    page.press("1")
    assert "0 of" in page.run(STATE)
    page.press("Escape")
    assert not page.run("document.querySelector('dialog').open")


def test_where_nothing_may_be_kept_it_is_said_and_the_download_works(page: BrowserPage, report: Path, tmp_path: Path):
    """A page of no origin has no storage, as a notebook's frame."""
    page.open("data:text/html;base64," + base64.b64encode(report.read_bytes()).decode())
    assert page.run("document.querySelector('.refused').checkVisibility()")
    to_the_table(page)
    page.press("2", "3")
    assert [line["decision"] for line in downloaded(page, tmp_path / "there")] == ["flip", "tie"]


def test_thousands_of_pairs_are_quick_and_made_in_blocks(page: BrowserPage, written: Any):
    page.open(written(num_pairs=12_000, report_pairs=3000, report_text="none").as_uri())
    assert page.run("document.querySelectorAll('.entry').length") == 100
    assert "of 3000 decided" in page.run(STATE)
    to_the_table(page)
    start = time.monotonic()
    page.press(*["1"] * 130)
    assert (time.monotonic() - start) / 130 < 0.5
    assert page.run(STATE) == "130 of 3000 decided: 130 keep"
    assert page.run(f"{CURRENT}.id") == "pair-130"
    assert number_of(page, ".entry") == 200
    assert page.run("document.querySelector('.more').textContent") == "100 more of 2,800"
    page.run("document.querySelector('.more').click()")
    assert number_of(page, ".entry") == 300


def test_a_narrow_page_needs_no_scrolling_sideways(page: BrowserPage, report: Path, tmp_path: Path):
    page.open(report.as_uri())
    page.resize(400, 800)
    try:
        to_the_table(page)
        page.press("Enter", "1")
        downloaded(page, tmp_path / "there")
        assert "Here already: 1." in loaded(page, tmp_path / "there" / "decisions.jsonl")
        page.press("u")
        assert page.run("document.documentElement.scrollWidth <= 400")
        assert number_of(page, "#pair-table *", "e.getBoundingClientRect().right > 400") == 0
    finally:
        page.resize(1100, 900)


def test_the_table_is_dark_where_the_reader_is(page: BrowserPage, report: Path):
    page.open(report.as_uri())
    page.emulate(prefers_color_scheme="dark")
    try:
        for place in (".deciding select", ".deciding .keys", ".state", "dialog"):
            style = f"getComputedStyle(document.querySelector('{place}'))"
            assert brightness(page.run(f"{style}.backgroundColor")) < 40 < 120 < brightness(page.run(f"{style}.color"))
    finally:
        page.emulate()


def test_print_has_no_buttons_and_nothing_is_folded(page: BrowserPage, written: Any, tmp_path: Path):
    turns = [
        {"role": "user", "content": "EARLIER"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "b"},
    ]
    page.open(written([(turns, "long " * 400, "short")], report_examples=3).as_uri())
    to_the_table(page)
    page.press("2")
    downloaded(page, tmp_path / "there")
    loaded(page, tmp_path / "there" / "decisions.jsonl")
    page.run("dispatchEvent(new Event('beforeprint'))")
    page.emulate("print")
    try:
        assert page.run("document.querySelectorAll('.opened').length") == 3
        assert "the first 100 of" in page.run(STATE)
        assert number_of(page, "button, select, input, .loaded", "e.checkVisibility() && !e.closest('th')") == 0
        assert number_of(page, "details > :not(summary)") > 5
        assert number_of(page, "details > :not(summary)", "!e.checkVisibility({contentVisibilityAuto: true})") == 0
        assert decisions(page)[0] == "flip"
    finally:
        page.emulate()
        page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run("document.querySelectorAll('.opened').length") == 0 and "printed" not in page.run(STATE)


def test_wicked_texts_are_read_and_do_nothing(page: BrowserPage, written: Any):
    message = [{"role": WICKED, "content": WICKED}]
    page.open(written([(message, WICKED + " one", WICKED + " two")]).as_uri())
    to_the_table(page)
    page.press("Enter")
    assert page.run("window.harmed") is None
    assert page.run("document.querySelectorAll('img, main style, main script:not([type])').length") == 0
    shown = page.run("document.querySelector('.opened .chosen .text').textContent")
    assert shown == WICKED.replace("\u202e", "\\u202e").replace("\x1b", "\\x1b") + " one"
