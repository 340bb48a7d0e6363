"""kustomize's output by what it depends on, so that checking for drift costs no build."""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections import OrderedDict
from typing import Any

Obj = dict[str, Any]

MAX_BYTES = 64 << 20
"""Compressed bytes kept; the least recently used go first."""

_FIELDS = (
    *("targetNamespace", "namePrefix", "nameSuffix", "patches", "components", "ignoreMissingComponents"),
    *("images", "buildMetadata"),
)


def key(artifact: Obj, path: str, spec: Obj) -> str:
    """Names a build: the artifact, the folder in it, and the fields of the spec that kustomize sees."""
    parts = [artifact["digest"], path, {field: spec.get(field) for field in _FIELDS}]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


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
