"""bfloat16 on a CPU is used where it gains, for training only."""

from __future__ import annotations

import pytest
import torch

from rewardsmith.engine import precision
from rewardsmith.engine.precision import bfloat16_gain, fast_matrix_products


def test_it_is_on_within_and_off_again_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "bfloat16_gain", lambda: 3.0)
    before = torch.get_float32_matmul_precision()
    with pytest.raises(ZeroDivisionError), fast_matrix_products("cpu", bf16=True):
        assert torch.get_float32_matmul_precision() == "medium"
        _ = 1 / 0
    assert torch.get_float32_matmul_precision() == before == "highest"


def test_without_a_gain_it_says_so_and_stays_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(precision, "bfloat16_gain", lambda: 0.9)
    with fast_matrix_products("cpu", bf16=True):
        assert torch.get_float32_matmul_precision() == "highest"
    assert "0.9 times the speed of float32; staying in float32" in capsys.readouterr().err


@pytest.mark.parametrize(("device", "bf16"), [("cpu", False), ("cuda", True)])
def test_nothing_is_measured_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch, device: str, bf16: bool) -> None:
    monkeypatch.delattr(precision, "bfloat16_gain")
    with fast_matrix_products(device, bf16):
        assert torch.get_float32_matmul_precision() == "highest"


def test_the_measurement_leaves_the_precision_as_it_was() -> None:
    assert 0 < bfloat16_gain() < 1000
    assert torch.get_float32_matmul_precision() == "highest"
