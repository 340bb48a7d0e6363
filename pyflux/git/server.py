"""Serving bare repositories: dulwich's smart-HTTP back end, for machines without git.

dulwich asks every client for thin packs, which go-git does not offer; the handler here does without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from dulwich.errors import NotGitRepository
from dulwich.repo import Repo
from dulwich.server import Backend, ReceivePackHandler, UploadPackHandler
from dulwich.web import HTTPGitApplication

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Folder(Backend):
    """The bare repositories below a folder, by their path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open_repository(self, path: str | bytes) -> Any:
        text = path.decode() if isinstance(path, bytes) else path
        found = (self.folder / text.strip("/")).resolve()
        if not found.is_relative_to(self.folder.resolve()) or not found.is_dir():
            raise NotGitRepository(f"no repository at {text}")
        return Repo(str(found))


class _UploadPack(UploadPackHandler):
    @classmethod
    def required_capabilities(cls) -> tuple[bytes, ...]:
        return ()


def smart_http(folder: Path) -> WsgiApp:
    """A WSGI application that serves clone, fetch and push of the repositories below a folder."""
    handlers: Any = {b"git-upload-pack": _UploadPack, b"git-receive-pack": ReceivePackHandler}
    app: WsgiApp = HTTPGitApplication(_Folder(folder), handlers=handlers)
    return app


def create_bare(path: Path, branch: str = "main") -> None:
    """Makes an empty bare repository whose HEAD is the branch; nothing when there is one already."""
    if (path / "HEAD").exists():
        return
    path.mkdir(parents=True, exist_ok=True)
    repo = Repo.init_bare(str(path))
    try:
        repo.refs.set_symbolic_ref(b"HEAD", b"refs/heads/" + branch.encode())  # type: ignore[arg-type]
    finally:
        repo.close()
