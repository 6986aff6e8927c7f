"""Tensors in safetensors files, with the errors that other files have."""

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
    with trouble_as_os_error(path):
        save_file(plain, path, metadata=metadata)


@contextmanager
def trouble_as_os_error(path: Path) -> Iterator[None]:
    """Within it, what safetensors says of the disk is an ``OSError`` about ``path``."""
    try:
        yield
    except SafetensorError as error:
        code = re.search(r"os error (\d+)", str(error))
        if code is None:
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1])), str(path)) from error
