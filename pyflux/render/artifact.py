"""Artifacts: a folder as a reproducible tar.gz with its digest, and the safe way back.

The same files give the same bytes: entries in walking order, no times, owners or links, fixed modes.
Unpacking trusts nothing: no path leaves the target, only files and folders come out, sizes are bounded.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from pyflux.catalog import targz
from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflux.render.ignore import Ignore

MAX_UNPACKED = 1 << 30
"""Bytes that an artifact may unpack to."""
MAX_FILES = 200_000
_BLOCK = 1 << 20


class ArtifactError(PyfluxError):
    """An archive that cannot be made, or must not be unpacked."""


class Packed(NamedTuple):
    """A finished archive: `digest` is `sha256:…`, `size` in bytes."""

    digest: str
    size: int


class _Counting:
    """A file that digests and counts what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.sha.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def files(root: str, ignore: Ignore | None = None) -> Iterator[tuple[str, bool]]:
    """Paths below `root` with `/` between their parts, and whether each is a folder; links are passed over."""
    yield from _walk(root, "", ignore)


def _walk(root: str, below: str, ignore: Ignore | None) -> Iterator[tuple[str, bool]]:
    with os.scandir(os.path.join(root, below) if below else root) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = f"{below}/{entry.name}" if below else entry.name
        is_dir = entry.is_dir(follow_symlinks=False)
        if not is_dir and not entry.is_file(follow_symlinks=False):
            continue
        if ignore is None or not ignore.excludes(path, is_dir):
            yield path, is_dir
        if is_dir and entry.name != ".git":
            yield from _walk(root, path, ignore)


def pack(root: str, target: str, ignore: Ignore | None = None) -> Packed:
    """Writes `root` as the tar.gz `target`; complete or not there at all. Raises ArtifactError."""
    partial = f"{target}.{os.getpid()}.tmp"
    try:
        with open(partial, "wb") as file:
            counting = _Counting(file)
            with (
                gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=counting, mtime=0) as zipped,
                tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
            ):
                for path, is_dir in files(root, ignore):
                    _add(archive, root, path, is_dir)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(partial, 0o644)
        os.replace(partial, target)
    except OSError as why:
        raise ArtifactError(f"unable to archive {root}: {why.strerror or why}") from why
    finally:
        if os.path.exists(partial):
            os.unlink(partial)
    return Packed(f"sha256:{counting.sha.hexdigest()}", counting.size)


def _add(archive: tarfile.TarFile, root: str, path: str, is_dir: bool) -> None:
    entry = tarfile.TarInfo(path)
    full = os.path.join(root, path)
    if is_dir:
        entry.type, entry.mode = tarfile.DIRTYPE, 0o750
        archive.addfile(entry)
        return
    with open(full, "rb") as file:
        status = os.fstat(file.fileno())
        entry.mode = 0o700 if status.st_mode & 0o100 else 0o600
        entry.size = status.st_size
        archive.addfile(entry, file)


def digest_of(path: str) -> str:
    """`sha256:…` of a file."""
    with open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def unpack(source: BinaryIO, target: str, *, max_bytes: int = MAX_UNPACKED, max_files: int = MAX_FILES) -> None:
    """Unpacks a tar.gz into the folder `target`, made where it is missing. Raises ArtifactError."""
    os.makedirs(target, exist_ok=True)
    made = {""}
    total = count = 0
    try:
        with targz.reading(source) as archive:
            for entry in archive:
                count += 1
                total += max(entry.size, 0)
                if count > max_files:
                    raise ArtifactError(f"the archive holds more than {max_files} files")
                if total > max_bytes:
                    raise ArtifactError(f'tar "{entry.name}" is bigger than max archive size of {max_bytes} bytes')
                _extract(archive, entry, target, made)
    except targz.UNREADABLE as why:
        raise ArtifactError(f"the archive cannot be read: {why}") from why
    except OSError as why:
        raise ArtifactError(f"the archive cannot be unpacked: {why.strerror or why}") from why


def _parts(name: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in parts:
        raise ArtifactError(f'tar contained invalid name error "{name}"')
    return parts


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo, target: str, made: set[str]) -> None:
    parts = _parts(entry.name)
    if not parts:
        return
    if entry.isdir():
        _folders(target, parts, made)
        return
    if entry.issym() or entry.islnk():
        raise ArtifactError(f"tar file entry {entry.name} is a symlink, which is not allowed in this context")
    if not entry.isreg():
        raise ArtifactError(f"tar file entry {entry.name} contained unsupported file type")
    _folders(target, parts[:-1], made)
    source = archive.extractfile(entry)
    assert source is not None
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    mode = 0o700 if entry.mode & 0o100 else 0o600
    with open(os.open(os.path.join(target, *parts), flags, mode), "wb") as file:
        while block := source.read(_BLOCK):
            file.write(block)


def _folders(target: str, parts: list[str], made: set[str]) -> None:
    path = "/".join(parts)
    if path not in made:
        os.makedirs(os.path.join(target, path), mode=0o750, exist_ok=True)
        made.add(path)
