"""Where things that can be computed again are kept between runs."""

from __future__ import annotations

import os
import re
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.files.partial import is_partial, remove, remove_abandoned
from rewardsmith.errors import OutputError

_KEY_NAME = re.compile("[0-9a-f]{32}")


def cache_folder() -> Path:
    """``$REWARDSMITH_CACHE``, or ``rewardsmith`` in the user's cache folder; made readable by the user only."""
    named = os.environ.get("REWARDSMITH_CACHE")
    folder = Path(named).expanduser() if named else _user_cache() / "rewardsmith"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The cache folder {folder} cannot be made ({error.strerror}). Set REWARDSMITH_CACHE to a folder of yours."
        ) from error
    return folder


def key_name(content: Any) -> str:
    """The name of the folder that keeps what a JSON value describes in full."""
    return fingerprint_json(content).removeprefix("sha256:")[:32]


def key_folders(room: Path) -> list[Path]:
    """The folders in a part of the cache that bear such names; what else may lie there is somebody else's."""
    found = room.iterdir() if room.is_dir() else ()
    return [folder for folder in found if _KEY_NAME.fullmatch(folder.name) and folder.is_dir()]


def clear_room(room: Path) -> int:
    """Deletes the key folders in a part of the cache, and gives the number of bytes this frees.

    What other processes are writing stays.
    """
    remove_abandoned(room)
    folders = key_folders(room)
    num_bytes = sum(map(folder_size, folders))
    for folder in folders:
        remove_abandoned(folder)
        with suppress(OSError):  # others remove too, or are writing
            for entry in list(folder.iterdir()):
                if not is_partial(entry):
                    remove(entry)
            folder.rmdir()
    return num_bytes - sum(map(folder_size, folders))


def folder_size(path: str | os.PathLike[str]) -> int:
    """Bytes of all files below a folder, less those that vanish meanwhile; 0 where there is none."""
    return sum(_file_size(Path(folder, name)) for folder, _, names in os.walk(path) for name in names)


def _file_size(path: Path) -> int:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _user_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
