"""pytest fixtures of the real servers; each skips with the reason where its programs were not built."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real.cluster import RealCluster
from tests.real.gitea import Gitea
from tests.real.githttp import GitHTTPServer
from tests.real.processes import missing
from tests.real.registry import Registry
from tests.real.sshd import SSHGitServer

# A test that asks for one of these gets the marker `real` by itself.
REAL = frozenset({"real_cluster", "light_cluster", "fresh_cluster", "gitea", "registry", "ssh_git"})


def _skip_if(reason: str | None) -> None:
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def real_cluster() -> Iterator[RealCluster]:
    """A whole cluster shared by the session: use a namespace of your own. No CRDs, no Flux controllers yet."""
    _skip_if(RealCluster.missing())
    with RealCluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def light_cluster() -> Iterator[RealCluster]:
    """etcd and kube-apiserver only, shared by the session."""
    _skip_if(RealCluster.missing(light=True))
    with RealCluster(light=True) as cluster:
        yield cluster


@pytest.fixture
def fresh_cluster() -> Iterator[RealCluster]:
    """A whole cluster for one test alone, about five seconds to start."""
    _skip_if(RealCluster.missing())
    with RealCluster() as cluster:
        yield cluster


@pytest.fixture
def git_http() -> Iterator[GitHTTPServer]:
    """Git over plain HTTP without credentials, with no repositories yet."""
    with GitHTTPServer() as server:
        yield server


@pytest.fixture
def ssh_git() -> Iterator[SSHGitServer]:
    """Git over SSH from a real sshd, with no repositories yet."""
    _skip_if(SSHGitServer.missing())
    with SSHGitServer() as server:
        yield server


@pytest.fixture(scope="session")
def gitea() -> Iterator[Gitea]:
    """A Gitea shared by the session."""
    _skip_if(Gitea.missing())
    with Gitea() as server:
        yield server


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """An OCI registry shared by the session, without credentials."""
    _skip_if(missing("registry"))
    with Registry() as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need real servers, so that `-m real` and `-m "not real"` choose them."""
    for item in items:
        if REAL & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.real)
