"""Bytes and lines of a file, gzipped or not. Damage is reported after everything before it has been given."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from rewardsmith.errors import DataError
from rewardsmith.preferences.files.noted_file import Readable

GZIP_MAGIC = b"\x1f\x8b"
CHUNK_BYTES = 1 << 20
LONGEST_LINE = 64 << 20
"""Bytes of the longest line that is a row."""
ENDLESS_LINE = 4 * LONGEST_LINE
"""Bytes after which a line's end is no longer looked for: a few kilobytes can hold it all, compressed."""
MOST_BYTES = 2 << 30
"""Of a file that is read as a whole, decompressed."""
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class DamagedFileError(Exception):
    """A file cannot be read to its end. ``rest`` is the incomplete last line before the damage."""

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
    """The lines of a text, without their line feed. Of one that ``is_too_long`` the beginning."""
    begun, length = bytearray(), 0
    try:
        for chunk in read_text(path):
            first, *others = chunk.split(b"\n")
            begun += first[: LONGEST_LINE + 1 - len(begun)]
            length += len(first)
            if length > ENDLESS_LINE:
                raise DamagedFileError("endless_line", f"the line is longer than {ENDLESS_LINE >> 20} MiB")
            if others:
                yield bytes(begun)
                begun[:] = others.pop()
                length = len(begun)
                yield from others
    except DamagedFileError as damage:
        damage.rest = bytes(begun)
        raise
    if begun:
        yield bytes(begun)


def is_too_long(line: bytes) -> bool:
    """Whether a line of ``read_lines`` goes on beyond what is read of it."""
    return len(line) > LONGEST_LINE


def read_text(path: Readable) -> Iterator[bytes]:
    """The chunks of a text. ``DataError`` where it is UTF-16 or UTF-32."""
    chunks = (chunk for chunk in read_chunks(path) if chunk)
    first = next(chunks, b"")
    refuse_wide_text(path, first)
    yield first
    yield from chunks


def refuse_wide_text(path: Readable, start: bytes) -> None:
    """Raises ``DataError`` where a text begins with two bytes a letter or more, as Windows' tools write them."""
    if start[:2] in _UTF_16_MARKS or b"\0" in start[:2]:
        raise DataError(f"{path} is UTF-16 (or UTF-32) text. Save it as UTF-8: iconv -f UTF-16 -t UTF-8 IN > OUT.")


def read_all(path: Readable) -> tuple[bytes, DamagedFileError | None]:
    """The whole content, and the damage after it if there is any. ``DataError`` above ``MOST_BYTES``."""
    pieces, size = [], 0
    try:
        for chunk in read_chunks(path):
            pieces.append(chunk)
            size += len(chunk)
            if size > MOST_BYTES:
                raise DataError(
                    f"{path} holds more than {MOST_BYTES >> 30} GiB, and a file of its form is read as a whole. "
                    "Write it as JSON Lines, or as Parquet that is not gzipped."
                )
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
