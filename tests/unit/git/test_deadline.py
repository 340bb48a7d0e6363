"""A time limit over everything that a Git operation waits for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from pyflux.controllers.source.gitrepository import GitRepositoryController
from pyflux.controllers.source.outcome import SourceFailed
from pyflux.git.auth import Auth
from pyflux.git.deadline import OutOfTime, left, within
from pyflux.git.refs import list_refs

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nContent-Length: 100000\r\n\r\n"
)


@pytest.fixture(params=["silent", "slow"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server that never answers, or sends a byte at a time and comes to no end."""
    listening = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            try:
                if request.param == "slow":
                    connection.sendall(_HEAD + b"fff0")
                while not stop.wait(0.1):
                    if request.param == "slow":
                        connection.sendall(b"x")
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/fleet.git"
    stop.set()
    listening.close()


def test_a_server_that_takes_too_long(server: str) -> None:
    started = time.monotonic()
    with within(1.0), pytest.raises(OutOfTime, match="context deadline exceeded"):
        list_refs(server, Auth())
    assert time.monotonic() - started < 6


def test_a_git_repository_has_its_own_limit(server: str) -> None:
    spec = {"url": server, "timeout": "1s"}
    text = "failed to checkout and determine revision: context deadline exceeded"
    with pytest.raises(SourceFailed, match=text) as failed:
        GitRepositoryController._guarded(spec, lambda: list_refs(server, Auth()))
    assert failed.value.reason == "GitOperationFailed"


def test_the_limit_ends_with_its_block() -> None:
    assert left(7.0) == 7.0
    with within(5.0):
        assert 4.0 < left(7.0) <= 5.0
        assert left(0.5) == 0.5
    assert left(7.0) == 7.0
    with within(0.0), pytest.raises(OutOfTime):
        left(1.0)
