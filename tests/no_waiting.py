"""What no test sees and many would wait for: a disk that has taken what was written, and figures."""

from __future__ import annotations

import os

import pytest

EMPTY = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'


def do_not_wait_for_disks(patch: pytest.MonkeyPatch) -> None:
    """A killed process leaves what it wrote; only a loss of power would tell."""
    patch.setattr(os, "fsync", lambda _: None)


def leave_figures_empty(patch: pytest.MonkeyPatch) -> None:
    """Their charts are made, and the engine that draws them is not asked: where it fails, a report goes on without."""
    patch.setattr("rewardsmith.report.svg.vega_svg", lambda _: EMPTY)
