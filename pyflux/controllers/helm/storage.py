"""What Helm stored: one Secret a revision, read and (to unlock a release) written without the SDK.

The Secret's `release` is JSON, gzipped and base64 encoded once more. Digests of releases are made over Go's JSON, so
numbers keep the text that Go wrote, and keys their order.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import time
import zlib
from typing import TYPE_CHECKING, Any

from pyflux.catalog.resources import Resource
from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

SECRETS = Resource("", "v1", "secrets", "Secret", True)
DEPLOYED, SUPERSEDED, FAILED, UNINSTALLED = "deployed", "superseded", "failed", "uninstalled"
_GZIP = b"\x1f\x8b\x08"
_LARGEST = 256 << 20
_GO_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


class StorageError(PyfluxError):
    """A Secret of Helm's storage does not hold a release."""


class Number(str):
    """A number as it was written."""

    __slots__ = ()


class Stored:
    """One revision of a release; decoded when it is first asked for."""

    def __init__(self, secret: Obj) -> None:
        self.secret = secret
        labels = secret["metadata"].get("labels") or {}
        text = str(labels.get("version") or "")
        self.version = int(text) if text.isdigit() else 0
        self.raw = str((secret.get("data") or {}).get("release") or "")
        self._release: Obj | None = None

    @property
    def release(self) -> Obj:
        """The release as Helm wrote it. Raises StorageError."""
        if self._release is None:
            self._release = decode(self.raw)
        return self._release

    @property
    def status(self) -> str:
        return str((self.release.get("info") or {}).get("status") or "")

    @property
    def is_pending(self) -> bool:
        return self.status in ("pending-install", "pending-upgrade", "pending-rollback")


def decode(data: str) -> Obj:
    """The release in a Secret's base64 value. Raises StorageError."""
    try:
        inner = base64.b64decode(base64.b64decode(data))
        if inner.startswith(_GZIP):
            unzip = zlib.decompressobj(wbits=31)
            inner = unzip.decompress(inner, _LARGEST)
            if unzip.unconsumed_tail:
                raise StorageError("a stored Helm release is larger than can be read")
        found = json.loads(inner, parse_float=Number)
    except (binascii.Error, zlib.error, ValueError) as why:
        raise StorageError(f"a stored Helm release cannot be read: {why}") from None
    if not isinstance(found, dict):
        raise StorageError("a stored Helm release is not a mapping")
    return found


def encode(release: Obj) -> str:
    """The base64 value of a Secret for a release."""
    packed = gzip.compress(go_json(release).encode(), 9)
    return base64.b64encode(base64.b64encode(packed)).decode()


def go_json(value: Any) -> str:
    """JSON as Go's encoder writes it, keys in their order."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_string(key)}:{go_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(go_json, value)) + "]"
    return _string(value) if isinstance(value, str) else json.dumps(value)


def _string(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    for char, escape in _GO_ESCAPES.items():
        if char in written:
            written = written.replace(char, escape)
    return written


def releases(client: Client, namespace: str, name: str) -> list[Stored]:
    """All stored revisions of a release, the newest last. Raises KubeError."""
    found = client.list(SECRETS, namespace, labels=f"name={name},owner=helm").items
    stored = [Stored(secret) for secret in found if secret.get("type") == "helm.sh/release.v1"]
    return sorted(stored, key=lambda one: one.version)


def set_status(client: Client, stored: Stored, status: str, description: str) -> Stored:
    """Rewrites a stored revision's status, as Helm would; what is stored then. Raises KubeError."""
    info = dict(stored.release.get("info") or {})
    info["status"], info["description"] = status, description
    order = ("first_deployed", "last_deployed", "deleted", "description", "status", "notes", "resources")
    return rewrite(client, stored, {**stored.release, "info": {key: info[key] for key in order if key in info}})


def rewrite(client: Client, stored: Stored, release: Obj) -> Stored:
    """Writes another release in a stored one's place; what is stored then. Raises KubeError."""
    metadata = stored.secret["metadata"]
    status = (release.get("info") or {}).get("status", "")
    body = {
        "metadata": {
            "resourceVersion": metadata["resourceVersion"],
            "labels": {"status": status, "modifiedAt": str(int(time.time()))},
        },
        "data": {"release": encode(release)},
    }
    return Stored(client.patch(SECRETS, metadata["name"], metadata["namespace"], body, field_manager="helm-controller"))


def put_back(client: Client, stored: Stored, raw: str) -> None:
    """Gives a stored revision the bytes that it had before. Raises KubeError."""
    metadata = stored.secret["metadata"]
    status = (decode(raw).get("info") or {}).get("status", "")
    body = {
        "metadata": {"resourceVersion": metadata["resourceVersion"], "labels": {"status": status}},
        "data": {"release": raw},
    }
    client.patch(SECRETS, metadata["name"], metadata["namespace"], body, field_manager="helm-controller")


def remove(client: Client, stored: Stored) -> None:
    """Deletes a stored revision. Raises KubeError."""
    metadata = stored.secret["metadata"]
    client.delete(SECRETS, metadata["name"], metadata["namespace"])


def restore(client: Client, stored: Stored, release: Obj) -> None:
    """Creates the Secret of a removed revision anew, for the release as it is to be. Raises KubeError."""
    metadata = stored.secret["metadata"]
    same = release == stored.release
    labels = {**(metadata.get("labels") or {}), "version": str(release["version"])}
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": stored.secret["type"],
        "metadata": {
            "name": f"sh.helm.release.v1.{release['name']}.v{release['version']}",
            "namespace": metadata["namespace"],
            "labels": labels,
            **({"annotations": metadata["annotations"]} if metadata.get("annotations") else {}),
        },
        "data": {"release": stored.raw if same else encode(release)},
    }
    client.create(SECRETS, body, field_manager="helm-controller")
