"""Unpacked artifacts, shared: many Kustomizations build from one source, so each revision is unpacked once."""

from __future__ import annotations

import os
import shutil
import threading
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyflux.errors import PyfluxError
from pyflux.render.artifact import ArtifactError, digest_of, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Obj = dict[str, Any]

_KEPT = 8
_IDLE = 600.0
_ATTEMPTS = 4
_TIMEOUT = 30.0
_BLOCK = 1 << 20
MAX_DOWNLOAD = 1 << 30


class ArtifactGone(PyfluxError):
    """The server no longer has the artifact: a newer one is on its way."""


class FetchFailed(PyfluxError):
    """The artifact cannot be had, or is not what its digest says."""


class _Tree:
    def __init__(self) -> None:
        self.users = 0
        self.used = 0.0
        self.ready = False
        self.lock = threading.Lock()


class Trees:
    """`root` holds the unpacked trees; `local` gives the file of an artifact that this process keeps, or empty text."""

    def __init__(self, root: str, local: Callable[[Obj], str], sleep: Callable[[float], None] = time.sleep) -> None:
        self._root = root
        self._local = local
        self._sleep = sleep
        self._lock = threading.Lock()
        self._trees: dict[str, _Tree] = {}
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(root, mode=0o700)

    @contextmanager
    def use(self, artifact: Obj) -> Iterator[str]:
        """The folder of an artifact's files, which must not be changed. Raises ArtifactGone, FetchFailed."""
        name = str(artifact["digest"]).replace(":", "-").replace("/", "-")
        with self._lock:
            tree = self._trees.setdefault(name, _Tree())
            tree.users += 1
        folder = os.path.join(self._root, name)
        try:
            with tree.lock:
                if not tree.ready:
                    self._unpack(artifact, folder)
                    tree.ready = True
            yield folder
        finally:
            with self._lock:
                tree.users -= 1
                tree.used = time.monotonic()
            self._drop_idle()

    @contextmanager
    def archive(self, artifact: Obj) -> Iterator[str]:
        """The artifact's own file, its digest checked; it must not be changed. Raises ArtifactGone, FetchFailed."""
        path = self._local(artifact)
        mine = bool(path) and os.path.isfile(path)
        if not mine:
            path = os.path.join(self._root, f"{uuid.uuid4().hex}.tar.gz")
        try:
            if not mine:
                self._download(artifact, path)
            self._check(path, artifact)
            yield path
        except FileNotFoundError:
            raise ArtifactGone("artifact not found") from None
        finally:
            if not mine and os.path.exists(path):
                os.unlink(path)

    @staticmethod
    def _check(path: str, artifact: Obj) -> None:
        if digest_of(path) != artifact["digest"]:
            raise FetchFailed(f"computed digest of the artifact doesn't match its advertised '{artifact['digest']}'")

    def _drop_idle(self) -> None:
        with self._lock:
            idle = sorted((tree.used, name) for name, tree in self._trees.items() if tree.users == 0)
            old = [name for used, name in idle if time.monotonic() - used > _IDLE]
            for name in {*old, *(name for _, name in idle[:-_KEPT])}:
                del self._trees[name]
                shutil.rmtree(os.path.join(self._root, name), ignore_errors=True)

    def _unpack(self, artifact: Obj, folder: str) -> None:
        path = self._local(artifact)
        mine = bool(path) and os.path.isfile(path)
        if not mine:
            path = folder + ".tar.gz"
            self._download(artifact, path)
        partial = folder + ".tmp"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            self._check(path, artifact)
            with open(path, "rb") as file:
                unpack(file, partial)
            os.replace(partial, folder)
        except ArtifactError as error:
            raise FetchFailed(f"failed to unpack the artifact: {error}") from None
        except FileNotFoundError:
            raise ArtifactGone("artifact not found") from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            if not mine and os.path.exists(path):
                os.unlink(path)

    def _download(self, artifact: Obj, path: str) -> None:
        url = str(artifact["url"])
        if not url.startswith(("http://", "https://")):
            raise FetchFailed(f"the artifact's URL {url} is not http")
        why: Exception | None = None
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(0.5 * 2**attempt)
            try:
                _get(url, path)
                return
            except OSError as error:
                why = error
        raise FetchFailed(f"failed to download archive from {url}: {why}")


def _get(url: str, path: str) -> None:
    """Raises OSError where trying again may help, else ArtifactGone or FetchFailed."""
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=_TIMEOUT)
    try:
        connection.request("GET", parts.path, headers={"User-Agent": "pyflux"})
        response = connection.getresponse()
        if response.status == 404:
            raise ArtifactGone("artifact not found")
        if response.status >= 500:
            raise OSError(f"the server answered {response.status}")
        if response.status != 200:
            raise FetchFailed(f"failed to download archive from {url}, status: {response.status}")
        total = 0
        with open(path, "wb") as file:
            while block := response.read(_BLOCK):
                total += len(block)
                if total > MAX_DOWNLOAD:
                    raise FetchFailed(f"the artifact at {url} is larger than {MAX_DOWNLOAD} bytes")
                file.write(block)
    except http.client.HTTPException as error:
        raise OSError(str(error) or type(error).__name__) from None
    finally:
        connection.close()
