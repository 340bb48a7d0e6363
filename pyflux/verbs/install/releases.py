"""The manifests of other Flux releases: from a folder, an archive, or the release page with its checksum."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from pyflux import FLUX_VERSION
from pyflux.catalog.semver import Version
from pyflux.env import Env
from pyflux.errors import PyfluxError, UsageError

RELEASES = "https://github.com/fluxcd/flux2/releases"
ARCHIVE = "manifests.tar.gz"
MAX_ARCHIVE = 16 << 20
MAX_UNPACKED = 64 << 20

Fetch = Callable[[Env, str], bytes]
Files = dict[str, list[dict[str, Any]]]


def check_version(env: Env, wanted: str, latest: Callable[[Env], str]) -> str:
    """The release that `--version` names, as vX.Y.Z. Raises PyfluxError.

    `latest` looks up the newest release; it is asked only for the word latest.
    """
    if wanted != "latest" and not wanted.startswith("v"):
        raise UsageError(f"targeted version '{wanted}' must be prefixed with 'v'")
    version = latest(env) if wanted == "latest" else wanted
    target, own = (Version.parse(text, strict=True) for text in (version, FLUX_VERSION))
    if target is None or own is None or target.core[:2] != own.core[:2]:
        raise PyfluxError(
            f"targeted version '{version}' is not compatible with your current version of flux ({FLUX_VERSION})"
        )
    return version


def cached_archive(env: Env, version: str, fetch: Fetch) -> bytes:
    """The archive of a release, from the cache or the release page. Its checksum is verified both times.

    Raises PyfluxError when it cannot be fetched or is not what the release's checksums say.
    """
    folder = cache_folder(env) / version
    archive, checksum = folder / ARCHIVE, folder / f"{ARCHIVE}.sha256"
    try:
        data = archive.read_bytes()
        if hashlib.sha256(data).hexdigest() == checksum.read_text().strip():
            return data
    except OSError:
        pass
    base = f"{releases_url(env)}/download/{version}"
    name = f"flux_{version.removeprefix('v')}_checksums.txt"
    expected = find_checksum(fetch(env, f"{base}/{name}").decode("utf-8", "replace"), ARCHIVE)
    if not expected:
        raise PyfluxError(f"the checksums of Flux {version} do not name {ARCHIVE}")
    data = fetch(env, f"{base}/{ARCHIVE}")
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise PyfluxError(f"{ARCHIVE} of Flux {version} has checksum {found}, the release says {expected}")
    _keep(archive, data)
    _keep(checksum, f"{expected}\n".encode())
    return data


def releases_url(env: Env) -> str:
    """The release page, or the mirror that PYFLUX_RELEASES_URL names."""
    return env.environ.get("PYFLUX_RELEASES_URL", "").rstrip("/") or RELEASES


def cache_folder(env: Env) -> Path:
    """Where downloads are kept: `pyflux/releases` in the user's cache."""
    base = env.environ.get("XDG_CACHE_HOME") or os.path.join(env.environ.get("HOME") or "~", ".cache")
    return Path(base).expanduser() / "pyflux" / "releases"


def find_checksum(text: str, name: str) -> str:
    """The checksum of the file `name` in the output of sha256sum; empty where it is not listed."""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[1].lstrip("*") == name:
            return words[0].lower()
    return ""


def _keep(path: Path, data: bytes) -> None:
    """Writes a cache file in one step; a cache that cannot be written is no reason to fail."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.replace(temporary, path)
    except OSError:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def read_archive(data: bytes) -> Files:
    """The objects in each YAML file of a release archive, by the file's name without `.yaml`.

    Nothing is unpacked to disk; links, devices and paths are of no effect. Raises PyfluxError.
    """
    files: Files = {}
    total = 0
    try:
        with tarfile.open(fileobj=BytesIO(data), mode="r:gz") as archive:
            for member in archive:
                path = Path(member.name)
                if not member.isreg() or path.suffix != ".yaml":
                    continue
                total += member.size
                if total > MAX_UNPACKED:
                    raise PyfluxError(f"{ARCHIVE} holds more than {MAX_UNPACKED >> 20} MiB")
                stream = archive.extractfile(member)
                if stream is not None:
                    files[path.stem] = parse_objects(stream.read().decode(), path.name)
    except (tarfile.TarError, EOFError, OSError, UnicodeDecodeError) as error:
        raise PyfluxError(f"{ARCHIVE} cannot be read: {error}") from error
    return files


def read_folder(folder: Path) -> Files:
    """The objects in each YAML file of a folder, by the file's name without `.yaml`. Raises PyfluxError."""
    try:
        return {
            path.stem: parse_objects(path.read_text(encoding="utf-8"), path.name)
            for path in sorted(folder.glob("*.yaml"))
        }
    except (OSError, UnicodeDecodeError) as error:
        raise PyfluxError(f"the manifests in {folder} cannot be read: {error}") from error


def parse_objects(text: str, name: str) -> list[dict[str, Any]]:
    """The objects of a multi-document YAML text. Raises PyfluxError."""
    from pyflux.ui.yamlin import YamlError, load_all

    try:
        documents = load_all(text)
    except YamlError as error:
        raise PyfluxError(f"{name} is not YAML: {error.message}") from error
    objects = [document for document in documents if document is not None]
    for obj in objects:
        if not (isinstance(obj, dict) and obj.get("kind") and isinstance(obj.get("metadata"), dict)):
            raise PyfluxError(f"{name} holds something that is not a Kubernetes object")
    return objects
