"""Journeys of a cluster's life: bootstrap from an empty repository, a commit, bootstrap again, uninstall."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyflux.catalog.kinds import kind
from tests.e2e import pairs
from tests.e2e.pairs import Pair, Result, condition, ready, show, wait_until
from tests.e2e.world import config_map

NAMESPACE = "flux-system"


@pytest.fixture(params=[pytest.param(n, marks=[] if n == pairs.EMBEDDED else pytest.mark.real) for n in pairs.NAMES])
def own(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A pair of the test's own: what it does concerns the whole cluster."""
    reason = pairs.missing(request.param)
    if reason:
        pytest.skip(reason)
    with pairs.started(request.param) as running:
        yield running


def bootstrap(pair: Pair) -> Result:
    return pair.flux(
        *("bootstrap", "git", "--url", pair.git.url_of("fleet"), "--branch", "main", "--path", "clusters/test"),
        *("--username", "git", "--password", "unused", "--allow-insecure-http", "--token-auth", "--silent"),
        *("--components", "source-controller,kustomize-controller", "--timeout", "3m"),
        timeout=240,
    )


def synced(pair: Pair, revision: str) -> None:
    def test() -> bool:
        obj = pair.kustomization(NAMESPACE, NAMESPACE)
        return ready(obj) and obj["status"]["lastAppliedRevision"] == revision

    try:
        wait_until(f"flux-system at {revision}", test, 90)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{show(pair.kustomization(NAMESPACE, NAMESPACE))}") from None


def test_from_an_empty_repository_to_an_empty_cluster(own: Pair) -> None:
    repository = own.git.create("fleet")
    bootstrap(own)
    files = repository.git("ls-tree", "-r", "--name-only", "main").splitlines()
    folder = "clusters/test/flux-system"
    assert files == [f"{folder}/{name}.yaml" for name in ("gotk-components", "gotk-sync", "kustomization")]
    synced(own, f"main@sha1:{repository.head()}")

    # a commit beside it rolls out
    commit = repository.commit({"clusters/test/apps/web.yaml": config_map("web", "default", color="blue")})
    own.flux("reconcile", "kustomization", NAMESPACE, "--with-source")
    synced(own, f"main@sha1:{commit}")
    found = own.get("v1", "ConfigMap", "web", "default")
    assert found is not None
    assert found["data"] == {"color": "blue"}

    # a second run finds everything as it is
    bootstrap(own)
    assert repository.head() == commit
    synced(own, f"main@sha1:{commit}")

    # and all of Flux goes, while what it applied elsewhere stays
    own.flux("uninstall", "--silent", timeout=240)
    wait_until("the namespace is gone", lambda: own.get("v1", "Namespace", NAMESPACE) is None, 60)
    crds = own.client.list(
        own.client.resource_for("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        labels="app.kubernetes.io/part-of=flux",
    )
    assert [crd["metadata"]["name"] for crd in crds.items if not crd["metadata"].get("deletionTimestamp")] == []
    assert own.get("v1", "ConfigMap", "web", "default") is not None


def test_a_private_repository_over_http(own: Pair) -> None:
    """Only with the Secret's user and password is the repository to be had."""
    from tests.real.githttp import GitHTTPServer

    own.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "private"}})
    with GitHTTPServer(username="me", password="pass word") as server:
        repository = server.create("private")
        repository.commit({"web.yaml": config_map("web", "private", a="b")})
        source = {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": "private", "namespace": "private"},
            "spec": {
                "interval": "1h",
                "url": server.url_of("private"),
                "ref": {"branch": "main"},
                "secretRef": {"name": "login"},
            },
        }

        def until(status: str, text: str) -> None:
            def test() -> bool:
                found = condition(own.source("private", "private"), "Ready")
                return found.get("status") == status and text in found["message"]

            wait_until(f"the source is {status}: {text}", test, 60)

        own.apply(source)
        until("False", "failed to get secret 'private/login'")
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "private"}}
        own.apply({**secret, "stringData": {"username": "me", "password": "wrong"}})
        own.flux("reconcile", "source", "git", "private", "-n", "private", "--timeout", "3s", check=False)
        until("False", "failed to checkout and determine revision: ")
        shown = str(own.source("private", "private")["status"])
        assert "wrong" not in shown
        own.apply({**secret, "stringData": {"username": "me", "password": "pass word"}})
        own.flux("reconcile", "source", "git", "private", "-n", "private")
        until("True", "stored artifact for revision 'main@sha1:")
        where = kind("GitRepository").resource
        own.client.delete(where, "private", "private")
        wait_until("the source is gone", lambda: not own.client.list(where, "private").items, 30)
