"""What does judging by an endpoint in trouble cost?

Question   Requests, tries again, kept answers and seconds for 1,000 pairs in both orders, where a share of the requests
           fails: busy, broken, no JSON, or a cut connection. Is every pair judged, and every answer paid once?
Workload   A local server that takes `--latency` seconds for an answer and knows which of two responses is the better
           one; 16 requests at a time. Three runs: without trouble, with it, and once more the same questions.
Ceiling    Requests times latency, divided by 16.
Command    python benchmarks/judging_requests.py
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.judge import ResponsePair
from rewardsmith.judging.endpoint_judge import EndpointJudge
from rewardsmith.judging.options import ChatJudgeOptions, SpendingOptions
from rewardsmith.models.options import EndpointOptions
from rewardsmith.preferences.rows.messages import assistant, user

WORKERS, CUT, BETTER = 16, 0, "the better one"
TROUBLES = (429, 500, 503, 200, CUT)
"""Status of a failure; 200 comes without JSON, ``CUT`` is no answer at all."""


class Server:
    """Fails a share of the time, at random by a seed; counts the answers that somebody would pay for."""

    def __init__(self, failing: float, latency_s: float) -> None:
        self.failing, self.latency_s = failing, latency_s
        self.num_asked = self.num_answered = 0
        self._random, self._lock = random.Random(0), Lock()

    def reply(self, body: dict[str, Any]) -> tuple[int, str]:
        time.sleep(self.latency_s)
        with self._lock:
            self.num_asked += 1
            if self._random.random() < self.failing:
                return self._random.choice(TROUBLES), "trouble"
            self.num_answered += 1
        is_first = f"[Response A begins]\n{BETTER}\n" in body["messages"][0]["content"]
        content = json.dumps({"explanation": "it says so", "verdict": "A" if is_first else "B"})
        usage = {"prompt_tokens": 300, "completion_tokens": 20}
        choice = {"message": {"content": content}, "finish_reason": "stop"}
        return 200, json.dumps({"choices": [choice], "usage": usage})


@contextmanager
def serving(server: Server) -> Iterator[str]:
    """Its address, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, text = server.reply(body)
            if status == CUT:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    class Listening(ThreadingHTTPServer):
        request_queue_size = 2 * WORKERS

    httpd = Listening(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}/v1"
    finally:
        httpd.shutdown()


def judged(url: str, server: Server, pairs: list[ResponsePair]) -> dict[str, Any]:
    """One run, in numbers."""
    where = EndpointOptions(base_url=url, max_concurrent_requests=WORKERS)
    asked, answered, started = server.num_asked, server.num_answered, time.monotonic()
    with closing(EndpointJudge(ChatJudgeOptions(judge_model="m"), SpendingOptions(), where)) as judge:
        rulings = judge.judge(pairs)
        seconds, spent = time.monotonic() - started, judge.model.spending
        assert spent.num_requests == server.num_answered - answered, "an answer was paid and not kept"
        return {
            "judged": sum(ruling.outcome == "win" for ruling in rulings),
            "requests": server.num_asked - asked,
            "tries_again": judge.model.num_retries,
            "paid": spent.num_requests,
            "kept": spent.num_kept,
            "seconds": round(seconds, 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--failing", type=float, default=0.1)
    parser.add_argument("--latency", type=float, default=0.05)
    options = parser.parse_args()
    set_quiet(True)
    pairs = [ResponsePair([user(f"{n}?")], assistant(BETTER), assistant("another")) for n in range(options.pairs)]
    found = {}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["REWARDSMITH_CACHE"] = cache
        for name, failing in (("no trouble", 0.0), ("trouble", options.failing)):
            server = Server(failing, options.latency)
            with serving(server) as url:
                found[name] = judged(url, server, pairs)
                found[f"{name}, again"] = judged(url, server, pairs)
    columns = list(found["trouble"])
    print("| run | " + " | ".join(columns) + " |")
    for name, numbers in found.items():
        print(f"| {name} | " + " | ".join(str(numbers[column]) for column in columns) + " |")
    print(json.dumps({**vars(options), "runs": found}))


if __name__ == "__main__":
    main()
