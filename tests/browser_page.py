"""A page in a headless Chromium that tests press keys in: the DevTools protocol over a pipe, nothing to install."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
CODES = {"Enter": 13, "Escape": 27, "Backspace": 8, " ": 32, "ArrowDown": 40, "ArrowUp": 38, "Tab": 9}


class BrowserPage:
    """One tab. Close it: ``with BrowserPage(tmp_path) as page``."""

    def __init__(self, folder: Path, width: int = 1100, height: int = 900) -> None:
        assert BROWSER is not None
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        words = [BROWSER, *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}", "about:blank"]
        redirected = f'exec "$@" 3<&{commands} 4>&{answers}'  # the two files that the browser talks by
        self._process = subprocess.Popen(
            ["bash", "-c", redirected, "bash", *words], pass_fds=(commands, answers), stderr=subprocess.DEVNULL
        )
        os.close(commands)
        os.close(answers)
        self._numbers, self._left, self._session = itertools.count(1), b"", None
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Runtime.enable")
        self.resize(width, height)

    def __enter__(self) -> BrowserPage:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._write)
        os.close(self._read)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one command."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == number:
                assert "error" not in found, found["error"]
                result: dict[str, Any] = found["result"]
                return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            block = os.read(self._read, 1 << 16)
            assert block, "the browser is gone"
            self._left += block
        text, _, self._left = self._left.partition(b"\0")
        found: dict[str, Any] = json.loads(text)
        if found.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(found["params"]["exceptionDetails"]))
        if found.get("method") == "Page.javascriptDialogOpening":
            self.dialogs.append(found["params"]["message"])
        return found

    def open(self, address: str) -> None:
        """Loads a page and waits until it has come."""
        self.call("Page.navigate", url=address)
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Keys one after the other, as from a keyboard; ``Ctrl+z`` holds a key."""
        for name in keys:
            held, _, key = name.rpartition("+") if len(name) > 1 else ("", "", name)
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 and not held else "")
            code = CODES.get(key, ord(key.upper()) if len(key) == 1 and key.isalnum() else 0)
            common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2 if held else 0}
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
            self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def resize(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def emulate(self, media: str = "", **features: str) -> None:
        """``emulate("print")``, ``emulate(prefers_color_scheme="dark")``."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media=media, features=named)

    def picture(self) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def printed(self) -> bytes:
        """The page as PDF."""
        return base64.b64decode(
            self.call("Page.printToPDF", preferCSSPageSize=True, paperWidth=8.27, paperHeight=11.69)["data"]
        )
