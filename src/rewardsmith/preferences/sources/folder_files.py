"""Which files of a folder are the set: those of one split, where their names tell splits apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.errors import DataError

DEFAULT_SPLIT = "train"
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""Words in the names of files -> split, as `datasets` reads them."""
_SPLIT = re.compile(rf"(?:^|[-_. ])({'|'.join(_SPLITS)})(?=[-_. ]|$)", re.IGNORECASE)
_SHARD = re.compile(r"(.+?)-\d{5}-of-\d{5}")
_ABOUT = re.compile(
    r"\..*|readme.*|license.*|.*\.(md|rst|html|lock|py|sh)|dataset_infos?\.json|manifest\.json|metrics\.json", re.I
)
"""Files that hold no rows, and that nobody misses."""


def set_files(folder: Path, split: str, is_readable: Callable[[Path], bool]) -> list[Path]:
    """The files of the split, by name; what else is there is said. ``DataError`` where the split is not there.

    A folder without any readable file that has one called `data`, as clones from the Hub do, means that one.
    """
    found = [path for path in sorted(folder.iterdir()) if not _ABOUT.fullmatch(path.name)]
    readable = [path for path in found if path.is_file() and is_readable(path)]
    if not readable and (folder / "data").is_dir():
        return set_files(folder / "data", split, is_readable)
    chosen = _of_split(readable, split, folder)
    passed_over = [path.name + "/" * path.is_dir() for path in found if path not in chosen]
    if chosen and passed_over:
        names = ", ".join(passed_over[:5]) + ", ..." * (len(passed_over) > 5)
        say(f"{folder}: not read: {names}.")
    return chosen


def _of_split(paths: Sequence[Path], split: str, folder: Path) -> list[Path]:
    by_split: dict[str | None, list[Path]] = {}
    for path in paths:
        by_split.setdefault(split_of(path), []).append(path)
    wanted = _SPLITS.get(split.lower(), split)
    if wanted in by_split:
        return by_split[wanted]
    if wanted == DEFAULT_SPLIT and len(by_split) < 2:
        return list(paths)
    if wanted == DEFAULT_SPLIT and None in by_split:
        return by_split[None]
    names = ", ".join(sorted(filter(None, by_split)))
    has = f"its files are of {names}. Choose one with" if names else "its files name none. Drop"
    raise DataError(f"{folder} has no split {split}; {has} `dataset_split`.")


def split_of(path: Path) -> str | None:
    """The split that a file's name tells: the whole of it before the number of a shard, else a word in it."""
    stem = path.name.split(".")[0]
    word = _SPLIT.search(stem)
    if word is None:
        return None
    shard = _SHARD.match(stem)
    name = shard[1] if shard else word[1]
    return _SPLITS.get(name.lower(), name)
