"""Where things that can be computed again are kept between runs."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from rewardsmith.errors import OutputError


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
