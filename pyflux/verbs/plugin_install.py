"""Installing a plugin: download, checksum, one program out of an archive that is not trusted, receipt."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import stat
import tarfile
import tempfile
import time
import zipfile
import zlib

from pyflux.errors import PyfluxError
from pyflux.verbs import plugin_catalog, plugin_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Any

    from pyflux.env import Env

_LIMIT = 1 << 30
"""Bytes that a download, and the program in it, may have."""
_CHUNK = 1 << 20


def install(env: Env, folder: str, manifest: dict[str, Any], version: dict[str, Any], row: dict[str, Any]) -> None:
    """Puts the program of the manifest's `version` for the platform `row` in `folder`, with its receipt.

    A failure leaves what was installed before as it was. Raises PyfluxError.
    """
    url, checksum = str(row.get("url") or ""), str(row.get("checksum") or "")
    program = str(manifest["bin"])
    with tempfile.TemporaryFile(prefix="pyflux-plugin-") as file:
        found = _download(env, url, file)
        if found != checksum:
            raise PyfluxError(f"checksum verification failed (expected: {checksum}, got: {found})")
        file.seek(0)
        try:
            with _program(file, url, str(row.get("extractPath") or program)) as source:
                _write(folder, program, source)
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as why:
            raise PyfluxError(f"failed to read plugin archive {url}: {why}") from why
    _write_receipt(env, folder, manifest, version, row)


def _download(env: Env, url: str, file: IO[bytes]) -> str:
    """Copies `url` into `file`; its digest as "sha256:HEX"."""
    digest, size = hashlib.sha256(), 0
    try:
        with plugin_catalog.open_url(env, url, 300.0) as body:
            while chunk := body.read(_CHUNK):
                size += len(chunk)
                if size > _LIMIT:
                    raise PyfluxError(f"failed to download plugin: larger than {_LIMIT >> 20} MiB")
                digest.update(chunk)
                file.write(chunk)
    except (plugin_catalog.FetchError, OSError, http.client.HTTPException) as why:
        raise PyfluxError(f"failed to download plugin: {why}") from None
    return f"sha256:{digest.hexdigest()}"


def _format(file: IO[bytes], url: str) -> str:
    """zip, tar (compressed or not) or program: by the URL's ending, else by the first bytes."""
    lower = url.lower()
    if lower.endswith(".zip"):
        return "zip"
    if lower.endswith((".tar.gz", ".tgz", ".tar")):
        return "tar"
    head = file.read(262)
    file.seek(0)
    if head[:2] == b"PK" and head[2:3] in (b"\x03", b"\x05", b"\x07"):
        return "zip"
    return "tar" if head[:2] == b"\x1f\x8b" or head[257:262] == b"ustar" else "program"


def _matches(entry: str, target: str) -> bool:
    """`target` with a slash is a whole path, without one it is the last part of any safe path."""
    if entry.startswith(("/", "\\")) or ".." in entry.replace("\\", "/").split("/"):
        return False
    return entry == target if "/" in target else os.path.basename(entry) == target


@contextlib.contextmanager
def _program(file: IO[bytes], url: str, target: str) -> Iterator[IO[bytes]]:
    kind = _format(file, url)
    if kind == "program":
        yield file
        return
    with contextlib.ExitStack() as stack:
        found: IO[bytes] | None = None
        if kind == "zip":
            archive = stack.enter_context(zipfile.ZipFile(file))
            for entry in archive.infolist():
                kind_of = stat.S_IFMT(entry.external_attr >> 16)
                if not entry.is_dir() and kind_of in (0, stat.S_IFREG) and _matches(entry.filename, target):
                    found = stack.enter_context(archive.open(entry))
                    break
        else:
            tar = stack.enter_context(tarfile.open(fileobj=file, mode="r:*"))
            for member in tar:
                if member.isreg() and _matches(member.name, target):
                    found = tar.extractfile(member)
                    break
        if found is None:
            raise PyfluxError(f'binary "{target}" not found in archive')
        yield found


def _write(folder: str, name: str, source: IO[bytes]) -> None:
    path = os.path.join(folder, name)
    try:
        with _replacing(folder, path, 0o755) as out:
            size = 0
            while chunk := source.read(_CHUNK):
                size += len(chunk)
                if size > _LIMIT:
                    raise PyfluxError(f"failed to write plugin binary: larger than {_LIMIT >> 20} MiB")
                out.write(chunk)
    except OSError as why:
        raise PyfluxError(f"failed to create {path}: {why.strerror or why}") from why


@contextlib.contextmanager
def _replacing(folder: str, path: str, mode: int) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when all of it is written, and not before."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".pyflux-", delete=False) as out:
        try:
            yield out
            out.flush()
            os.fchmod(out.fileno(), mode)
            os.replace(out.name, path)
        except BaseException:
            os.unlink(out.name)
            raise


def _write_receipt(
    env: Env, folder: str, manifest: dict[str, Any], version: dict[str, Any], row: dict[str, Any]
) -> None:
    from pyflux.ui.yamlout import dump

    name = str(manifest["name"])
    keep = ("os", "arch", "url", "checksum")
    text = dump(
        {
            "name": name,
            "version": str(version.get("version") or ""),
            "installedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(env.now())),
            "platform": {key: row.get(key) or "" for key in keep}
            | ({"extractPath": row["extractPath"]} if row.get("extractPath") else {}),
        }
    )
    path = plugin_folder.receipt_path(folder, name)
    try:
        with _replacing(folder, path, 0o644) as out:
            out.write(text.encode())
    except OSError as why:
        raise PyfluxError(f"failed to write {path}: {why.strerror or why}") from why


def uninstall(folder: str, name: str) -> None:
    """Removes the plugin (or the link to it) and its receipt. Raises PyfluxError."""
    path = os.path.join(folder, plugin_folder.PREFIX + name)
    if not plugin_catalog.is_plain_file_name(name) or not os.path.lexists(path):
        raise PyfluxError(f'plugin "{name}" is not installed')
    if os.path.isdir(path) and not os.path.islink(path):
        raise PyfluxError(f"failed to remove plugin binary: {path} is a folder")
    for what, target in (("binary", path), ("receipt", plugin_folder.receipt_path(folder, name))):
        try:
            os.unlink(target)
        except FileNotFoundError:
            pass
        except OSError as why:
            raise PyfluxError(f"failed to remove plugin {what}: {target}: {why.strerror}") from why
