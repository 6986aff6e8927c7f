"""From an audit's report, by keys, to the rows that were decided; and a single row of what refine did taken back."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from browser_page import BROWSER, BrowserPage
from rewardsmith.cli.main import main
from scored_rows import scored_rows

pytestmark = [pytest.mark.browser, pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")]


def decided(page: BrowserPage, report: Path, *keys: str) -> list[int]:
    """Presses the keys at the first pair and downloads to where commands are given; the pairs in their order."""
    page.open(report.absolute().as_uri())
    page.run("document.getElementById('pair-0').focus()")
    page.press(*keys)
    file = Path("downloads/decisions.jsonl")
    file.unlink(missing_ok=True)
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(file.parent.absolute()))
    page.run("document.querySelector('.download').click()")
    deadline = time.monotonic() + 30
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    shutil.copy(file, "decisions.jsonl")
    return page.run("[...document.querySelectorAll('.entry td.row')].map((cell) => Number(cell.textContent))")


def ledger(folder: str) -> pd.DataFrame:
    return pq.read_table(Path(folder, "ledger.parquet")).to_pandas().set_index("row")


def test_what_keys_decide_is_what_refine_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scored_rows(300)), encoding="utf-8")
    quiet = ("--quiet", "--json")
    assert main(["audit", "p.jsonl", "--ensemble", "given", "--output_dir", "a", *quiet]) == 0
    refine = ["refine", "--audit_dir", "a", "--recipe", "drop", "--decisions", "decisions.jsonl", *quiet]
    with BrowserPage(tmp_path) as page:
        keep, flip, tie, drop, left, *_ = decided(page, Path("a/report.html"), "1", "2", "3", "4")
        assert main([*refine, "--output_dir", "r"]) == 0
        done = ledger("r")
        assert done.loc[[keep, flip, tie, drop], "target"].tolist() == [1, 0, 0.5, 1]
        assert done.loc[[keep, flip, tie, drop, left], "weight"].tolist() == [1, 1, 1, 0, 0]
        assert (done["weight"] == 0).sum() == (done["p_wrong"] >= 0.5).sum() - 3

        rows = decided(page, Path("r/report.html"))
        assert rows[:5] == [keep, flip, tie, drop, left]
        decided(page, Path("r/report.html"), *"jjjj", "1")
        assert main([*refine, "--output_dir", "again"]) == 0
        again = ledger("again")
        assert again.loc[left, ["target", "weight"]].tolist() == [1, 1]
        others = again.index != left
        assert again.loc[others, ["target", "weight"]].equals(done.loc[others, ["target", "weight"]])
        assert page.errors == []
