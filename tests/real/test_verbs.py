"""The verbs on a real API server, where defaults, validation, RBAC and selectors are its own."""

from __future__ import annotations

import io
import random
import time
from pathlib import Path
from typing import Any

import pytest

from pyflux.catalog import api, kinds
from pyflux.cli import main
from pyflux.env import Env
from pyflux.ui.yamlin import load, load_all
from tests.real.cluster import Json, RealCluster
from tests.real.test_api_validation import sample

NAMESPACE = "verbs"


@pytest.fixture(scope="module")
def cluster(light_cluster: RealCluster) -> RealCluster:
    for crd in api.crds():
        light_cluster.apply(crd)
    light_cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for kind in kinds.KINDS:
        light_cluster.wait_for(kind.resource.path(), lambda answer: "items" in answer, 30)
    return light_cluster


def run(cluster: RealCluster, *argv: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    environ = {"KUBECONFIG": str(cluster.kubeconfig), "HOME": str(Path(cluster.kubeconfig).parent)}
    code = main.run(list(argv), Env(stdout=out, stderr=err, stdin=io.StringIO(), environ=environ))
    return code, out.getvalue(), err.getvalue()


def _any_spec(kind: Any, seed: int) -> Json:
    definition = api.crd(kind.group, kind.name)
    version = next(v for v in definition["spec"]["versions"] if v["name"] == kind.version)
    spec: Json = sample(random.Random(seed), version["schema"]["openAPIV3Schema"]["properties"]["spec"])
    return spec


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name)
def test_applying_an_export_changes_nothing(kind: Any, cluster: RealCluster) -> None:
    """Random objects that the server accepts, exported, deleted, and created from the export: the same spec."""
    accepted = 0
    for seed in range(40):
        name = f"{kind.resource.plural}-{seed}"
        path = kind.resource.path(NAMESPACE)
        obj: Json = {
            "apiVersion": kind.resource.api_version,
            "kind": kind.name,
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"a": "b"}},
            "spec": _any_spec(kind, seed),
        }
        status, first = cluster.request("POST", path, obj)
        if status != 201:
            continue
        accepted += 1
        code, out, err = run(cluster, "export", *kind.one, name, "-n", NAMESPACE)
        assert code == 0, err
        document = load(out)
        assert document["metadata"] == obj["metadata"]
        cluster.must("DELETE", f"{path}/{name}")
        second = cluster.must("POST", path, document)
        assert run(cluster, "export", *kind.one, name, "-n", NAMESPACE)[1] == out
        assert _plain(second["spec"]) == _plain(first["spec"])
        if accepted == 8:
            break
    assert accepted >= 3, "the API server took too few of the random objects"
    names = [
        each["metadata"]["name"]
        for each in load_all(run(cluster, "export", *kind.one, "--all", "-n", NAMESPACE)[1])
        if each
    ]
    assert len(names) == accepted


def _plain(value: Any) -> Any:
    """Without what says nothing: empty values, and durations written in two ways."""
    from pyflux.catalog.duration import parse_duration

    if isinstance(value, dict):
        cleaned = {key: _plain(item) for key, item in value.items()}
        return {key: item for key, item in cleaned.items() if item not in (None, "", False, 0, [], {})}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str) and value[:1].isdigit():
        try:
            return parse_duration(value)
        except ValueError:
            return value
    return value


def test_what_the_server_refuses_is_one_line(cluster: RealCluster) -> None:
    code, _, err = run(cluster, "get", "ks", "--as", "nobody")
    assert code == 1
    assert err.startswith('✗ kustomizations.kustomize.toolkit.fluxcd.io is forbidden: User "nobody" cannot list')
    code, _, err = run(cluster, "get", "ks", "-l", "a in")
    assert code == 1
    assert err.startswith('✗ unable to parse label selector: couldn\'t parse the selector string "a in"')
    assert run(cluster, "get", "ks", "-l", "a in (b),!c", "-n", "default")[2] == (
        '✗ no Kustomization objects found in "default" namespace\n'
    )
    code, _, err = run(cluster, "get", "ks", "--token", "wrong")
    assert code == 1
    assert "refused the login" in err


def test_suspend_and_resume_leave_the_rest_of_the_spec_alone(cluster: RealCluster) -> None:
    path = kinds.KUSTOMIZATION.resource.path("default")
    spec = {"interval": "60s", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "g"}}
    before = cluster.must(
        "POST",
        path,
        {
            "apiVersion": kinds.KUSTOMIZATION.resource.api_version,
            "kind": "Kustomization",
            "metadata": {"name": "k"},
            "spec": spec,
        },
    )
    assert run(cluster, "suspend", "ks", "k", "-n", "default")[0] == 0
    held = cluster.must("GET", f"{path}/k")
    assert held["spec"] == {**before["spec"], "suspend": True}
    assert run(cluster, "resume", "ks", "k", "-n", "default", "--wait=false")[0] == 0
    assert cluster.must("GET", f"{path}/k")["spec"] == before["spec"]
    late = run(cluster, "reconcile", "ks", "k", "-n", "default", "--timeout=1s")
    assert late[0] == 1
    assert late[2].endswith("✗ context deadline exceeded\n")
    notes = cluster.must("GET", f"{path}/k")["metadata"]["annotations"]
    assert list(notes) == [kinds.RECONCILE_ANNOTATION]
    assert run(cluster, "delete", "ks", "k", "-n", "default", "-s")[0] == 0
    assert run(cluster, "get", "ks", "k", "-n", "default")[0] == 1


def test_watch_follows_the_server(cluster: RealCluster) -> None:
    import threading

    path = kinds.ALERT.resource.path("default")
    alert: Json = {
        "apiVersion": kinds.ALERT.resource.api_version,
        "kind": "Alert",
        "metadata": {"name": "a"},
        "spec": {"providerRef": {"name": "p"}, "eventSources": [{"kind": "Bucket", "name": "*"}]},
    }
    cluster.must("POST", path, alert)

    def change() -> None:
        time.sleep(1)
        cluster.must("POST", path, {**alert, "metadata": {"name": "b"}})

    thread = threading.Thread(target=change)
    thread.start()
    code, out, _ = run(cluster, "get", "alerts", "-w", "-n", "default", "--timeout=3s")
    thread.join()
    assert code == 1
    assert [line.split("\t")[0].strip() for line in out.splitlines()] == ["NAME", "a", "b"]
