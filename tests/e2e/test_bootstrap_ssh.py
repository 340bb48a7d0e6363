"""Bootstrap over SSH with a real sshd: this program and the controllers log in with a key and check host keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import pairs
from tests.e2e.pairs import Pair
from tests.real.sshd import SSHGitServer


@pytest.fixture(params=[pytest.param(n, marks=[] if n == pairs.EMBEDDED else pytest.mark.real) for n in pairs.NAMES])
def own(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A pair of the test's own: what it does concerns the whole cluster."""
    reason = pairs.missing(request.param)
    if reason:
        pytest.skip(reason)
    with pairs.started(request.param) as running:
        yield running


@pytest.fixture
def sshd() -> Iterator[SSHGitServer]:
    reason = SSHGitServer.missing()
    if reason:
        pytest.skip(reason)
    with SSHGitServer() as server:
        yield server


def test_with_a_key_from_nothing_to_synced(own: Pair, sshd: SSHGitServer) -> None:
    repository = sshd.create("fleet")
    words = [
        *("bootstrap", "git", f"--url={sshd.url_of('fleet')}", "--path=clusters/test", "--timeout=3m", "--silent"),
        "--components=source-controller,kustomize-controller",
    ]
    refused = own.flux(*words, check=False)
    assert refused.code == 1
    assert "the host key of" in refused.err
    assert repository.head() is None
    key = f"--private-key-file={sshd.client_key}"
    first = own.flux(*words, key, timeout=240)
    assert "Kustomization reconciled successfully" in first.err
    source = own.source("flux-system", "flux-system")
    assert source["spec"]["url"] == sshd.url_of("fleet")
    assert source["status"]["artifact"]["revision"] == f"main@sha1:{repository.head()}"
    head = repository.head()
    again = own.flux(*words, key, timeout=240)
    assert "sync manifests are up to date" in again.err
    assert repository.head() == head
