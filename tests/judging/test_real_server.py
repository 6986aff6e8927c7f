"""A real server, `transformers serve`, with the embedded chat model as judge: too small to judge, but it answers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from judge_server import pair
from rewardsmith.judging.endpoint_judge import EndpointJudge
from rewardsmith.judging.options import ChatJudgeOptions, SpendingOptions
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy
from rewardsmith.models.options import EndpointOptions

pytestmark = pytest.mark.slow
START_S, ANSWER_S = 300, 300
PAIRS = [pair("Paris.", "Banana.", "What is the capital of France?"), pair("4", "4", "What is 2 + 2?")]
SERVE = [sys.executable, "-m", "transformers.cli.transformers", "serve"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address and name of the model."""
    from transformers.utils.import_utils import is_serve_available

    if not is_serve_available():
        pytest.skip('needs: pip install "transformers[serving]"')
    folder = tmp_path_factory.mktemp("chat") / "smollm2"
    for part in load_policy(resolve_model("embedded/smollm2-135m")):  # the model and its tokenizer
        part.save_pretrained(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*SERVE, str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log, env=environment) as run:
        try:
            deadline = time.monotonic() + START_S
            while not _is_well(port):
                assert run.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1", str(folder)
        finally:
            run.terminate()


def _is_well(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as found:
            return bool(found.status == 200)
    except OSError:
        return False


def test_every_pair_is_judged_or_says_why_not_and_is_paid_once(server: tuple[str, str], tmp_path: Path) -> None:
    url, model = server
    rubric = tmp_path / "short.yaml"
    rubric.write_text("instructions: Which response is right?\n")
    how = ChatJudgeOptions(judge_model=model, rubric=str(rubric), max_judge_tokens=24)
    where = EndpointOptions(base_url=url, max_retries=0, request_timeout_s=ANSWER_S, max_concurrent_requests=2)
    judge = EndpointJudge(how, SpendingOptions(), where)
    rulings = judge.judge(PAIRS)
    spent = judge.model.spending
    assert all((ruling.outcome is None) == (ruling.problem in ("unreadable", "cut_off")) for ruling in rulings)
    assert rulings[1].outcome == "tie"
    assert 2 <= spent.num_requests <= 4 and spent.num_uncounted == 0
    assert spent.num_tokens_in > 50 * spent.num_requests and spent.num_tokens_out <= 24 * spent.num_requests
    again = EndpointJudge(how, SpendingOptions(), where)
    assert again.judge(PAIRS) == rulings
    assert again.model.spending.num_requests == 0
    for one in (judge, again):
        one.close()
