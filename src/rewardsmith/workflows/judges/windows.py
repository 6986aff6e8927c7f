"""Pairs judged window by window, each saved as a part of ``judged.jsonl``; a part that is there is taken as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.files.parts import PartsFolder
from rewardsmith.artifacts.terminal.progress import progress, say
from rewardsmith.contracts.conversations import as_text, with_fields
from rewardsmith.contracts.judge import Judge, ResponsePair, Ruling
from rewardsmith.judging.orders import key_in_order
from rewardsmith.workflows.outputs.sample_file import join

PARTS_VERSION = 1


class JudgedWindows:
    """Rulings on pairs, and the file of them."""

    def __init__(self, output: Path, judge: Judge, window: int) -> None:
        self._output, self._judge, self._window = output, judge, window
        self._parts = PartsFolder(output)
        self._settings = f"{PARTS_VERSION} {judge.fingerprint}"
        self.num_resumed = 0

    def judge(self, pairs: Sequence[ResponsePair], abouts: Sequence[dict[str, Any]]) -> list[Ruling]:
        """Judges all and writes the file: what is known of each pair, its texts, and the ruling."""
        rulings: list[Ruling] = []
        paths = []
        with self._parts.opened(), progress("Judging pairs", len(pairs)) as bar:
            both = iter(zip(pairs, abouts, strict=True))
            for index, rows in enumerate(iter(lambda: list(islice(both, self._window)), [])):
                path, found = self._part(index, rows)
                paths.append(path)
                rulings += found
                bar.advance(len(rows))
            join(paths, self._output)
            self._parts.remove()
        return rulings

    def _part(self, index: int, rows: list[tuple[ResponsePair, dict[str, Any]]]) -> tuple[Path, list[Ruling]]:
        digest = hashlib.sha256(self._settings.encode())
        for pair, about in rows:
            digest.update(f"{key_in_order(pair)} {about}\n".encode())
        path = self._parts.path(index, digest.hexdigest())
        record = self._parts.finished(path)
        if record is not None:
            if not self.num_resumed:
                say(f"Going on with what {self._parts.folder} holds.")
            self.num_resumed += len(rows)
            return path, [Ruling(**one) for one in record["rulings"]]
        rulings = self._judge.judge([pair for pair, _ in rows])
        write_jsonl(path, map(_row, rows, rulings))
        if not any(one.problem == "no_answer" for one in rulings):  # else another run asks again
            self._parts.finish(path, {"rulings": [asdict(one) for one in rulings]})
        return path, rulings


def _row(what: tuple[ResponsePair, dict[str, Any]], ruling: Ruling) -> dict[str, Any]:
    pair, about = what
    return {
        **about,
        **asdict(ruling),
        "prompt": [with_fields(message) for message in pair.prompt],
        "response_first": as_text(pair.first),
        "response_second": as_text(pair.second),
    }
