from __future__ import annotations

import shutil
import subprocess

import pytest

from rewardsmith.report.audit.report import render_audit_report
from rewardsmith.report.options import ReportOptions

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_the_page_s_own_script_runs_under_its_policy(fake_audit, tmp_path):
    pairs, strengths = fake_audit.fake_tables(200)
    page = tmp_path / "report.html"
    page.write_text(render_audit_report(fake_audit.fake_metrics(200, strengths), pairs, strengths, ReportOptions()))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command = [BROWSER, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    # The button is hidden in the file; only the script names it and shows it.
    assert 'aria-label="Switch between light and dark">Dark</button>' in dom
