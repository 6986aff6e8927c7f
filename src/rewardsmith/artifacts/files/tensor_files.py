"""Tensors in safetensors files, with the errors and the access rights that other files have."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes tensors from any device. Trouble with the disk is an ``OSError``, which safetensors only has as text."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with like_other_files(path):
        save_file(plain, path, metadata=metadata)


@contextmanager
def like_other_files(path: Path) -> Iterator[None]:
    """For what safetensors writes at ``path``, a file or in a folder, where it keeps to itself what others may read.

    What it says of the disk is an ``OSError`` about ``path``.
    """
    try:
        yield
    except SafetensorError as error:
        code = re.search(r"os error (\d+)", str(error))
        if code is None:
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1])), str(path)) from error
    for file in path.glob("*.safetensors") if path.is_dir() else (path,):
        file.chmod(_usual_mode())


def _usual_mode() -> int:
    """The access rights of a file that ``open`` makes."""
    mask = os.umask(0o077)  # it can only be read by setting it; what another thread makes meanwhile is its user's own
    os.umask(mask)
    return 0o666 & ~mask
