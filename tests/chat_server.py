"""A small OpenAI-compatible server in a thread, which fails as it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from threading import Lock, Thread
from typing import Any

Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]]
"""Status, body (JSON, or text as it is), headers. ``CUT`` ends the connection without a word."""
CUT: Reply = (0, "")


@dataclass
class ChatServer:
    """Answers with ``reply(body)``; the replies in ``before`` come first, whatever is asked."""

    reply: Callable[[dict[str, Any]], Reply]
    before: list[Reply] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    url: str = ""
    _lock: Lock = field(default_factory=Lock)

    def answer(self, path: str, body: dict[str, Any], key: str | None) -> Reply:
        with self._lock:
            self.asked.append(body)
            self.keys.append(key)
            before = self.before.pop(0) if self.before else None
        if path != "/v1/chat/completions":
            return 404, {"error": {"message": f"no {path} here"}}
        return self.reply(body) if before is None else before


def choices(body: dict[str, Any], *texts: str, **more: Any) -> Reply:
    """An answer with these texts; with two tokens of log-probability -0.5 and -1 where that is asked for."""
    logprobs = {"content": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.0}]}
    found = [
        {
            "index": index,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
            **({"logprobs": logprobs} if body.get("logprobs") else {}),
            **more,
        }
        for index, text in enumerate(texts)
    ]
    return 200, {"id": "1", "model": body.get("model"), "choices": found}


def echo(body: dict[str, Any]) -> Reply:
    """As many answers as asked for, each with what was asked, the seed and its number."""
    question = body["messages"][-1]["content"]
    return choices(body, *(f"{question} {body.get('seed')} {number}" for number in range(body.get("n", 1))))


@contextmanager
def chat_server(reply: Callable[[dict[str, Any]], Reply] = echo, *before: Reply) -> Iterator[ChatServer]:
    """A server that runs until the end of the block."""
    server = ChatServer(reply, list(before))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, content, *headers = server.answer(self.path, body, self.headers.get("authorization"))
            if status == 0:
                self.close_connection = True
                self.connection.shutdown(SHUT_RDWR)
                return
            data = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(status)
            for name, value in (headers[0] if headers else {}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    server.url = f"http://127.0.0.1:{httpd.server_address[1]}/v1"
    thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
