"""Repositories and servers for the git room's tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.githttp import GitHTTPServer
from tests.real.gitrepos import BareRepository
from tests.real.sshd import SSHGitServer


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No user configuration, no proxy, no agent."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("SSH_AUTH_SOCK", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repository(tmp_path: Path) -> BareRepository:
    """An empty bare repository."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    return BareRepository.create(tmp_path / "fleet.git")


@pytest.fixture
def url(repository: BareRepository) -> str:
    return f"file://{repository.path}"


@pytest.fixture
def https(tmp_path: Path) -> Iterator[GitHTTPServer]:
    """Git over HTTPS with the user `bot`."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    root = tmp_path / "served"
    root.mkdir()
    with GitHTTPServer(root, username="bot", password="hunter2secret", tls=True) as server:
        yield server


@pytest.fixture
def ssh_server() -> Iterator[SSHGitServer]:
    """Git over SSH from the system's own sshd."""
    reason = SSHGitServer.missing()
    if reason:
        pytest.skip(reason)
    with SSHGitServer() as server:
        yield server
