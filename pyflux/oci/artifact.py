"""Flux's artifacts: one layer, a tar.gz of manifests, and annotations that say where they come from."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from typing import TYPE_CHECKING

from pyflux.catalog import targz
from pyflux.oci.client import INDEXES, MANIFEST, Manifest, Repository
from pyflux.oci.errors import OciError

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Mapping
    from typing import IO, Any

    from pyflux.oci.reference import Reference

SOURCE = "org.opencontainers.image.source"
REVISION = "org.opencontainers.image.revision"
CREATED = "org.opencontainers.image.created"
CONFIG_TYPE = "application/vnd.cncf.flux.config.v1+json"
CONTENT_TYPE = "application/vnd.cncf.flux.content.v1.tar+gzip"
_CONFIG = (
    b'{"architecture":"","created":"0001-01-01T00:00:00Z","os":"",'
    b'"rootfs":{"type":"layers","diff_ids":null},"config":{}}'
)
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_BLOCK = 1 << 20
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)")


def go_json(value: Any, indent: int | None = None) -> str:
    """JSON as Go's encoder writes it: dicts in their order, the signs of HTML escaped."""
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(value, ensure_ascii=False, separators=separators, indent=indent)
    return re.sub("[<>&\u2028\u2029]", lambda found: _ESCAPES[found[0]], text)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def push(repository: Repository, reference: Reference, layer: IO[bytes], annotations: Mapping[str, str]) -> str:
    """Stores `layer` (from its current place to its end) as the artifact `reference`; the artifact's digest.

    Raises OciError.
    """
    created = annotations.get(CREATED, "")
    if not _DATE.fullmatch(created):
        raise OciError(f'invalid created timestamp "{created}": not an RFC 3339 time')
    start = layer.tell()
    sha, size = hashlib.sha256(), 0
    while block := layer.read(_BLOCK):
        sha.update(block)
        size += len(block)
    layer.seek(start)
    layer_digest = f"sha256:{sha.hexdigest()}"
    raw = go_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG_TYPE, "size": len(_CONFIG), "digest": _digest(_CONFIG)},
            "layers": [{"mediaType": CONTENT_TYPE, "size": size, "digest": layer_digest}],
            "annotations": dict(sorted(annotations.items())),
        }
    ).encode()
    manifest = Manifest(raw, MANIFEST)
    repository.put_blob(layer_digest, size, layer)
    with tempfile.SpooledTemporaryFile(max_size=_BLOCK) as config:
        config.write(_CONFIG)
        config.seek(0)
        repository.put_blob(_digest(_CONFIG), len(_CONFIG), config)
    repository.put_manifest(reference, manifest)
    return manifest.digest


def find(repository: Repository, reference: Reference) -> tuple[Manifest, dict[str, Any]]:
    """The manifest of an artifact; that of linux/amd64 where the reference is an index. Raises OciError."""
    manifest = repository.manifest(reference)
    content = manifest.content()
    if manifest.media_type in INDEXES:
        rows = content.get("manifests")
        chosen = next(
            (row for row in rows or [] if _platform(row) == ("linux", "amd64")),
            None,
        )
        if chosen is None:
            raise OciError(f"no child with platform linux/amd64 in index {reference}")
        manifest = repository.manifest(reference.with_digest(str(chosen.get("digest"))))
        content = manifest.content()
    return manifest, content


def _platform(row: dict[str, Any]) -> tuple[str, str]:
    platform = row.get("platform")
    if not isinstance(platform, dict):
        return "linux", "amd64"
    return str(platform.get("os")), str(platform.get("architecture"))


def layer_of(content: dict[str, Any], media_type: str = "") -> tuple[str, int]:
    """Digest and size of an artifact's first layer, or of its first one of a media type. Raises OciError."""
    layers = content.get("layers")
    if not isinstance(layers, list) or not layers or not isinstance(layers[0], dict):
        raise OciError("no layers found in artifact")
    if media_type:
        layers = [layer for layer in layers if isinstance(layer, dict) and layer.get("mediaType") == media_type]
        if not layers:
            raise OciError(f"failed to find layer with media type '{media_type}' in artifact")
    digest, size = layers[0].get("digest"), layers[0].get("size")
    if not isinstance(digest, str) or not isinstance(size, int):
        raise OciError("failed to list layers: the first one has no digest and size")
    return digest, size


def annotations_of(content: dict[str, Any]) -> dict[str, str]:
    found = content.get("annotations")
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def extract(layer: IO[bytes], folder: str) -> None:
    """Unpacks a tar.gz into `folder`: plain files and folders only, none outside of it. Raises OciError."""
    if layer.read(2) != b"\x1f\x8b":
        raise OciError(f"open {folder}: the artifact's content is no tar.gz archive, so it has no files to extract")
    layer.seek(-2, 1)
    try:
        with targz.reading(layer) as archive:
            for entry in archive:
                _extract(archive, entry, folder)
    except targz.UNREADABLE as why:
        raise OciError(f"tar error: {why}") from why
    except OSError as why:
        raise OciError(f"{why.filename or folder}: {why.strerror or why}") from why


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: str) -> None:
    name = entry.name
    if not name or "\\" in name or "\0" in name or name.startswith("/") or ".." in name.split("/"):
        raise OciError(f'tar contained invalid name error "{name}"')
    path = os.path.join(folder, os.path.normpath(name))
    if entry.issym():
        return
    if entry.isdir():
        _make_folder(folder, path)
        os.chmod(path, (entry.mode & 0o777) | 0o700)
        return
    source = archive.extractfile(entry) if entry.isreg() else None
    if source is None:
        raise OciError(f"tar file entry {name} contained unsupported file type")
    _make_folder(folder, os.path.dirname(path))
    # a link at this place is replaced, not followed
    if os.path.islink(path):
        os.unlink(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(path, flags, entry.mode & 0o777), "wb") as file:
        while block := source.read(_BLOCK):
            file.write(block)


def _make_folder(root: str, path: str) -> None:
    """Makes a folder below `root`, and refuses to go through a link."""
    os.makedirs(path, mode=0o750, exist_ok=True)
    real = os.path.realpath(path)
    top = os.path.realpath(root)
    if real != top and not real.startswith(top.rstrip(os.sep) + os.sep):
        raise OciError(f"tar file entry below {path} leads out of {root} through a link")
