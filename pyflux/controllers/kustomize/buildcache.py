"""kustomize's output by what it depends on, so that drift checks and commits elsewhere cost no build."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import zlib
from collections import OrderedDict
from typing import Any

from pyflux.render.artifact import files

Obj = dict[str, Any]

MAX_BYTES = 64 << 20
"""Compressed bytes kept; the least recently used go first."""

_FIELDS = (
    *("targetNamespace", "namePrefix", "nameSuffix", "patches", "components", "ignoreMissingComponents"),
    *("images", "buildMetadata", "decryption"),
)
_MAX_DIGESTED = 16 << 20


def key(artifact: Obj, root: str, path: str, spec: Obj) -> str:
    """Names a build: the fields of the spec that kustomize sees, and the folder's files or the whole artifact."""
    wanted = json.dumps({field: spec.get(field) for field in _FIELDS}, sort_keys=True)
    content = None if ".." in wanted else _content(os.path.join(root, path))
    parts = [content or artifact["digest"], path, wanted]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _content(folder: str) -> str | None:
    """A digest of a folder's files; None where they look beyond the folder, or are too large to be worth it."""
    sha = hashlib.sha256()
    total = 0
    for path, is_dir in files(folder):
        if is_dir:
            continue
        with open(os.path.join(folder, path), "rb") as file:
            data = file.read(_MAX_DIGESTED)
        total += len(data)
        leads_up = b".." if os.path.basename(path).lower().startswith("kustomization") else b"../"
        if total > _MAX_DIGESTED or leads_up in data:
            return None
        sha.update(f"{path}\0{len(data)}\0".encode("utf-8", "surrogateescape"))
        sha.update(data)
    return sha.hexdigest()


class BuildCache:
    """Safe for several threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def get(self, name: str) -> str | None:
        with self._lock:
            found = self._kept.get(name)
            if found is None:
                return None
            self._kept.move_to_end(name)
        return zlib.decompress(found).decode()

    def put(self, name: str, text: str) -> None:
        packed = zlib.compress(text.encode(), 1)
        if len(packed) > self._max // 8:
            return
        with self._lock:
            self._size += len(packed) - len(self._kept.pop(name, b""))
            self._kept[name] = packed
            while self._size > self._max:
                self._size -= len(self._kept.popitem(last=False)[1])
