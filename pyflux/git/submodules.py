"""Fills in submodules. Credentials are sent only to the host that they were given for."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from pyflux.git import urls
from pyflux.git.auth import Auth
from pyflux.git.checkout import Limits, checkout
from pyflux.git.errors import GitError, RefMissing
from pyflux.git.retry import with_retries
from pyflux.git.store import Store
from pyflux.git.transport import Remote

if TYPE_CHECKING:
    from collections.abc import Sequence


def fill(url: str, auth: Auth, into: str, wanted: Sequence[tuple[str, str]], limits: Limits, depth: int) -> list[str]:
    """Fetches each (path, commit) of `wanted` as `.gitmodules` in `into` says. Returns the paths filled."""
    if depth <= 0:
        raise GitError("the repository's submodules are nested too deep")
    addresses = read_gitmodules(os.path.join(into, ".gitmodules"))
    filled = []
    for path, commit in wanted:
        if path not in addresses:
            raise GitError(f".gitmodules does not name the submodule {path}")
        address = absolute(url, addresses[path])
        folder = os.path.join(into, path)
        os.makedirs(folder, exist_ok=True)
        _one(address, auth_for(url, address, auth), folder, commit, limits, depth)
        filled.append(path)
    return filled


def read_gitmodules(path: str) -> dict[str, str]:
    """Path to URL, from a .gitmodules file; empty without one."""
    from dulwich.config import ConfigFile, parse_submodules

    try:
        with open(path, "rb") as file:
            config = ConfigFile.from_file(io.BytesIO(file.read(1 << 20)))
    except FileNotFoundError:
        return {}
    except ValueError as why:
        raise GitError(f".gitmodules cannot be read: {why}") from None
    return {place.decode(): url.decode() for place, url, _name in parse_submodules(config)}


def absolute(parent: str, url: str) -> str:
    """A submodule's URL, resolved against the repository's where it is relative."""
    if not url.startswith(("./", "../")):
        return url
    return urljoin(parent.rstrip("/") + "/", url)


def auth_for(parent: str, url: str, auth: Auth) -> Auth:
    """The credentials for a submodule: the repository's own on the same host, none elsewhere."""
    if urls.parse(parent).origin == urls.parse(url).origin:
        return auth
    if urls.parse(url).scheme == "file":
        raise GitError("a submodule may not be a local folder")
    return Auth(ca=auth.ca, proxy=auth.proxy, known_hosts=auth.known_hosts, ssh_user_files=auth.ssh_user_files)


def _one(url: str, auth: Auth, folder: str, commit: str, limits: Limits, depth: int) -> None:
    with Store() as store:

        def fetch() -> None:
            remote = Remote(url, auth)
            try:
                try:
                    store.fetch(remote, lambda _refs: [commit], depth=1)
                except GitError as why:
                    if why.transient:
                        raise
                if not store.has(commit):
                    store.fetch(remote, lambda refs: sorted(set(refs.targets.values())), depth=None)
            finally:
                remote.close()

        with_retries(fetch)
        if not store.has(commit):
            raise RefMissing(f"the submodule {urls.parse(url).shown} has no commit {commit}")
        nested = checkout(store, store.commit(commit).tree.decode(), folder, limits=limits)
        if nested:
            fill(url, auth, folder, [(entry.path, entry.sha) for entry in nested], limits, depth - 1)
