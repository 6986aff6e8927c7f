"""Bytes and lines of a file, gzipped or not. Damage is reported after everything before it has been given."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from rewardsmith.errors import DataError
from rewardsmith.preferences.files.noted_file import Readable

GZIP_MAGIC = b"\x1f\x8b"
CHUNK_BYTES = 1 << 20


class DamagedFileError(Exception):
    """A compressed file cannot be read to its end. ``rest`` is the incomplete last line before the damage."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.rest = b""


def read_chunks(path: Readable) -> Iterator[bytes]:
    """The content in pieces of at most about 1 MiB, decompressed where it is gzip (told by its first bytes)."""
    try:
        with path.open("rb") as file:
            head = file.read(2)
            blocks = iter(lambda: file.read(CHUNK_BYTES), b"")
            if head == GZIP_MAGIC:
                try:
                    yield from _gunzip(head, blocks)
                except DamagedFileError:
                    for _ in blocks:  # what lies behind the damage is a part of the file
                        pass
                    raise
            else:
                yield head
                yield from blocks
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def read_lines(path: Readable) -> Iterator[bytes]:
    """The lines, without their line feed."""
    rest = b""
    try:
        for chunk in read_chunks(path):
            lines = chunk.split(b"\n")
            lines[0] = rest + lines[0]
            rest = lines.pop()
            yield from lines
    except DamagedFileError as damage:
        damage.rest = rest
        raise
    if rest:
        yield rest


def read_all(path: Readable) -> tuple[bytes, DamagedFileError | None]:
    """The whole content, and the damage after it if there is any."""
    pieces: list[bytes] = []
    try:
        pieces.extend(read_chunks(path))
    except DamagedFileError as damage:
        return b"".join(pieces), damage
    return b"".join(pieces), None


def _gunzip(head: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """All members of a gzip file. Zero bytes after a member are padding, as for ``gzip`` itself."""
    inflate, inside = zlib.decompressobj(zlib.MAX_WBITS | 16), True
    data = head + next(blocks, b"")
    while data:
        if not inside:
            inflate, data = zlib.decompressobj(zlib.MAX_WBITS | 16), data.lstrip(b"\0")
            inside = bool(data)
        while data and inside:
            before = inflate.copy()
            try:
                yield inflate.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                yield from _before_damage(before, data)
                raise DamagedFileError("damaged_gzip", f"the compressed file is damaged here ({error})") from error
            inside = not inflate.eof
            data = inflate.unconsumed_tail if inside else inflate.unused_data
        data = data or next(blocks, b"")
    if inside:
        yield inflate.flush()
    if inside and not inflate.eof:
        raise DamagedFileError("truncated_gzip", "the compressed file ends too early; what follows is lost")


def _before_damage(inflate: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """What can still be decompressed: a failing call throws away its output, so it is repeated byte by byte."""
    for start in range(len(data)):
        try:
            yield inflate.decompress(data[start : start + 1])
        except zlib.error:
            return
