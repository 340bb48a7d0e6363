"""A bucket as a source: the index that is its revision, and its objects as files of a folder.

Keys are untrusted: none leaves the folder, and how many there are and how much they hold is bounded.
"""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyflux.s3.client import CONNECTIONS
from pyflux.s3.errors import S3Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyflux.s3.client import Client

    Index = dict[str, str]

IGNORE_FILE = ".sourceignore"
MAX_OBJECTS = 200_000
MAX_BYTES = 1 << 30
"""What the objects of a bucket may hold altogether."""
_LONGEST_KEY = 1024
_LONGEST_SHOWN = 256


@dataclass(frozen=True)
class Source:
    """What of a bucket is wanted. Times in seconds."""

    bucket: str
    prefix: str
    rules: Callable[[str], Callable[[str], bool]]
    """Given the folder that has the bucket's `.sourceignore`: whether a key is left out."""
    timeout: float = 60.0


class _Budget:
    """Bytes that may still be written, by any thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        with self._lock:
            self._left -= size
            if self._left < 0:
                raise S3Error(f"the objects are larger than {self._size} bytes altogether")


class _File:
    """Where an object goes. An attempt that failed is written over by the next."""

    def __init__(self, path: str, budget: _Budget) -> None:
        self._path = path
        self._budget = budget
        self._written = 0
        self._handle = -1

    def start(self) -> Callable[[bytes], None]:
        self._budget.take(-self._written)
        self._written = 0
        self.close()
        # a file only comes to be with the storage's first byte: none is left of an object that is not there
        return self._write

    def _open(self) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._handle = os.open(self._path, flags, 0o600)

    def _write(self, data: bytes) -> None:
        self._budget.take(len(data))
        self._written += len(data)
        if self._handle < 0:
            self._open()
        view = memoryview(data)
        while view:
            view = view[os.write(self._handle, view) :]

    def finish(self) -> None:
        if self._handle < 0:
            # an empty object
            self._open()
        self.close()

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def revision(index: Index) -> str:
    """The revision of a bucket with these etags by key."""
    digest = hashlib.sha256()
    for key in sorted(index):
        digest.update(f"{key} {index[key]}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def list_index(client: Client, source: Source, folder: str) -> Index:
    """The etags of the wanted objects by their keys. Raises S3Error.

    The bucket's own `.sourceignore` is left in `folder`.
    """
    name = source.bucket
    client.begin(source.timeout)
    try:
        found = client.exists(name)
    except S3Error as why:
        raise S3Error(f"failed to confirm existence of '{name}' bucket: {why.message}") from None
    if not found:
        raise S3Error(f"bucket '{name}' not found")
    try:
        _fetch(client, name, IGNORE_FILE, os.path.join(folder, IGNORE_FILE), _Budget(MAX_BYTES))
    except S3Error as why:
        if why.code != "NoSuchKey":
            raise S3Error(f"failed to get Etag for '{IGNORE_FILE}' object: {why.message}") from None
    except OSError as why:
        raise S3Error(f"cannot write '{IGNORE_FILE}': {why.strerror or why}") from None
    ignored = source.rules(folder)
    index: Index = {}
    listed = 0
    try:
        for key, etag in client.objects(name, source.prefix):
            listed += 1
            if listed > MAX_OBJECTS:
                raise S3Error(f"there are more than {MAX_OBJECTS} objects")
            if key.endswith("/") or key == IGNORE_FILE or ignored(key):
                continue
            index[key] = etag
    except S3Error as why:
        text = f"listing objects from bucket '{name}' failed: {why.message}"
        raise S3Error(f"indexation of objects from bucket '{name}' failed: {text}") from None
    return index


def fetch_files(client: Client, source: Source, index: Index, folder: str) -> None:
    """Brings the objects of an index as files below `folder`.

    The index is corrected where objects changed or went since it was made. Raises S3Error.
    """
    name = source.bucket
    client.begin(source.timeout)
    budget = _Budget(MAX_BYTES)
    seen: dict[str, str] = {}
    corrected: list[tuple[str, str | None]] = []

    def bring(key: str) -> None:
        try:
            etag = _fetch(client, name, key, seen[key], budget)
        except S3Error as why:
            if why.code == "NoSuchKey":
                corrected.append((key, None))
                return
            raise S3Error(f"failed to get {_shown(key)} object: {why.message}") from None
        except OSError as why:
            raise S3Error(f"failed to get {_shown(key)} object: {(why.strerror or str(why)).lower()}") from None
        if etag != index[key]:
            corrected.append((key, etag))

    try:
        taken: dict[str, str] = {}
        for key in sorted(index):
            path = local_path(folder, key)
            other = taken.setdefault(path, key)
            if other != key:
                raise S3Error(f"failed to get {_shown(key)} object: it is the same file as {_shown(other)}")
            seen[key] = path
        _side_by_side(bring, seen)
    except S3Error as why:
        raise S3Error(f"fetch from bucket '{name}' failed: {why.message}") from None
    for key, etag in corrected:
        if etag is None:
            del index[key]
        else:
            index[key] = etag


def local_path(folder: str, key: str) -> str:
    """The file of a key: `..` and a leading `/` do not lead out of the folder. Raises S3Error."""
    parts: list[str] = []
    for part in key.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    if not parts or "\0" in key or len(key.encode("utf-8", "replace")) > _LONGEST_KEY:
        raise S3Error(f"failed to get {_shown(key)} object: its key cannot be a file's name")
    return os.path.join(folder, *parts)


def _shown(key: str) -> str:
    """A key in a message, on one line and not too long."""
    text = key if len(key) <= _LONGEST_SHOWN else f"{key[:_LONGEST_SHOWN]}…"
    return f"'{text}'" if text.isprintable() else repr(text)


def _fetch(client: Client, bucket: str, key: str, path: str, budget: _Budget) -> str:
    """Writes an object to a file; its etag. Raises S3Error, OSError."""
    file = _File(path, budget)
    try:
        etag = client.read(bucket, key, file.start)
        file.finish()
    finally:
        file.close()
    return etag


def _side_by_side(work: Callable[[str], None], keys: Iterable[str]) -> None:
    """Works on all keys with some at a time; the first failure ends it. Raises what `work` does."""
    pending = iter(list(keys))
    lock = threading.Lock()
    failures: list[BaseException] = []

    def loop() -> None:
        while not failures:
            with lock:
                key = next(pending, None)
            if key is None:
                return
            try:
                work(key)
            except BaseException as why:
                failures.append(why)

    # daemons, so that a storage that hangs does not keep a process that ends
    threads = [threading.Thread(target=loop, name=f"objects-{n}", daemon=True) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
