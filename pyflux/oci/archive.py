"""Tar archives of folders, byte for byte as flux packs them: no owners, no times, links left out."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from pyflux.oci.deflate import GzipWriter
from pyflux.oci.errors import OciError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

_BLOCK = 512
_READ = 32 << 10
"""Bytes read at a time; the compressed result depends on it (see `pyflux.oci.deflate`)."""
_NAME = 100
_PREFIX = 155


def _octal(value: int, size: int) -> bytes:
    return f"{value:0{size - 1}o}".encode() + b"\0"


def _header(name: bytes, prefix: bytes, kind: bytes, mode: int, size: int, *, named: bool = True) -> bytes:
    owner = _octal(0, 8) if named else b""
    fields = (
        (name[:_NAME], 100),
        (_octal(mode, 8), 8),
        (_octal(0, 8), 8),
        (_octal(0, 8), 8),
        (_octal(size, 12), 12),
        (_octal(0, 12), 12),
        (b" " * 8, 8),
        (kind, 1),
        (b"", 100),
        (b"ustar\x0000", 8),
        (b"", 32),
        (b"", 32),
        (owner, 8),
        (owner, 8),
        (prefix, 155),
        (b"", 12),
    )
    block = bytearray(b"".join(text.ljust(width, b"\0") for text, width in fields))
    block[148:156] = _octal(sum(block), 7) + b" "
    return bytes(block)


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """A long name as prefix and rest, None where it cannot be split at a slash."""
    cut = name.rfind(b"/", 0, min(len(name), _PREFIX + 1))
    if cut <= 0 or not 0 < len(name) - cut - 1 <= _NAME:
        return None
    return name[:cut], name[cut + 1 :]


def _record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    size = len(body)
    while size != len(body) + len(str(size)):
        size = len(body) + len(str(size))
    return str(size).encode() + body


def _entry(name: str, kind: bytes, mode: int, size: int) -> Iterator[bytes]:
    """The header blocks of one entry, one write each."""
    raw = name.encode("utf-8", "surrogateescape")
    parts = (raw, b"") if len(raw) <= _NAME else _split(raw)
    if name.isascii() and parts is not None:
        rest, prefix = parts if len(raw) <= _NAME else (parts[1], parts[0])
        yield _header(rest, prefix, kind, mode, size)
        return
    data = _record(b"path", raw)
    plain = bytes(byte for byte in raw if byte < 128)
    folder, _, file = plain.rpartition(b"/")
    extended = (folder + b"/" if folder else b"") + b"PaxHeaders.0/" + file
    yield _header(extended[:_NAME].rstrip(b"/"), b"", b"x", 0, len(data), named=False)
    yield data
    yield bytes(-len(data) % _BLOCK)
    yield _header(plain, b"", kind, mode, size)


def _walk(root: str, below: str, excluded: Callable[[str, bool], bool]) -> Iterator[tuple[str, str, os.stat_result]]:
    """Folders and files below `root`, by name, a folder before what is in it: path, full path, status."""
    full = os.path.join(root, below) if below else root
    status = os.lstat(full)
    is_dir = stat.S_ISDIR(status.st_mode)
    if not is_dir and not stat.S_ISREG(status.st_mode):
        return
    if not below or not excluded(below, is_dir):
        yield below or ".", full, status
    if is_dir:
        for name in sorted(os.listdir(full), key=os.fsencode):
            yield from _walk(root, f"{below}/{name}" if below else name, excluded)


def _mode(status: os.stat_result) -> int:
    return status.st_mode & 0o7777


def _chunks(entries: Iterator[tuple[str, str, os.stat_result]]) -> Iterator[bytes]:
    for name, full, status in entries:
        if stat.S_ISDIR(status.st_mode):
            yield from _entry(name, b"5", _mode(status), 0)
            continue
        yield from _entry(name, b"0", _mode(status), status.st_size)
        left = status.st_size
        with open(full, "rb") as file:
            while block := file.read(_READ):
                left -= len(block)
                if left < 0:
                    break
                yield block
        if left:
            raise OciError(f"{full} changed while it was being archived")
        yield bytes(-status.st_size % _BLOCK)
    yield bytes(_BLOCK)
    yield bytes(_BLOCK)


def pack(path: str, out: IO[bytes], excluded: Callable[[str, bool], bool]) -> None:
    """Writes the tar.gz of a folder, or of a folder with one file, to `out`.

    `excluded` says of a path below the folder, and whether it is a folder, if it is left out. Raises OciError.
    """
    path = os.path.abspath(path)
    try:
        if os.path.isdir(path):
            entries = _walk(os.path.realpath(path), "", excluded)
        else:
            entries = _staged(path, excluded)
        writer = GzipWriter()
        for chunk in _chunks(entries):
            out.write(writer.write(chunk))
        out.write(writer.close())
    except OSError as why:
        raise OciError(f"{why.filename or path}: {why.strerror or why}") from why


def _staged(path: str, excluded: Callable[[str, bool], bool]) -> Iterator[tuple[str, str, os.stat_result]]:
    """One file as if it lay alone in a folder, as flux packs it."""
    status = os.stat(path)
    yield ".", "", _status(stat.S_IFDIR | 0o700, 0)
    name = os.path.basename(path)
    if not excluded(name, False):
        yield name, path, _status(stat.S_IFREG | (status.st_mode & 0o777 & ~_umask()), status.st_size)


def _status(mode: int, size: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, 0, 0, size, 0, 0, 0))


def _umask() -> int:
    """The process's umask, which decides about a staged file's mode."""
    now = os.umask(0o077)
    os.umask(now)
    return now
