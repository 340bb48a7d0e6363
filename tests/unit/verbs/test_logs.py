"""`logs`: which controllers, which entries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyflux.verbs.logs import Filter


def entry(**fields: Any) -> str:
    base = {"level": "info", "ts": "2026-03-04T05:06:07.8Z", "msg": "done", "logger": "x"}
    return json.dumps({**base, **fields}) + "\n"


RECONCILED = entry(**{"reconciler kind": "Kustomization", "name": "app", "namespace": "flux-system"})
FAILED = entry(level="error", controllerKind="GitRepository", name="g", namespace="apps", error="no route")
START = entry(msg="starting")


def controller(api: Any, name: str, log: str, *, phases: tuple[str, ...] = ("Running",), containers: int = 1) -> None:
    labels = {"app": name}
    api.add(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": name,
                "namespace": "flux-system",
                "labels": {"app.kubernetes.io/part-of": "flux"},
            },
            "spec": {"template": {"metadata": {"labels": labels}}},
        }
    )
    for number, phase in enumerate(phases):
        pod = f"{name}-{number}"
        api.add(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": pod, "namespace": "flux-system", "labels": labels},
                "spec": {"nodeName": "n", "containers": [{"name": f"c{i}"} for i in range(containers)]},
                "status": {"phase": phase},
            }
        )
        api.logs[pod] = log if phase == "Running" else entry(msg="from the wrong pod")


def test_entries_become_lines(api: Any, run: Any) -> None:
    controller(api, "kustomize-controller", "not json\n" + RECONCILED + START, phases=("Pending", "Running"))
    controller(api, "source-controller", FAILED)
    assert run("logs", "-A").out == (
        "2026-03-04T05:06:07.8Z info Kustomization/app.flux-system - done \n"
        "2026-03-04T05:06:07.8Z info  - starting \n"
        "2026-03-04T05:06:07.8Z error GitRepository/g.apps - done no route\n"
    )
    assert run("logs").out == "2026-03-04T05:06:07.8Z info Kustomization/app.flux-system - done \n"
    followed = run("logs", "-A", "-f").out
    assert sorted(followed.splitlines()) == sorted(run("logs", "-A").out.splitlines())


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({}, [True, True, True]),
        ({"level": "error"}, [False, True, False]),
        ({"kind": "kustomization"}, [True, False, False]),
        ({"kind": "GitRepository"}, [False, True, False]),
        ({"name": "APP"}, [True, False, False]),
        ({"namespace": "apps"}, [False, True, False]),
        ({"namespace": "apps", "name": "app"}, [False, False, False]),
    ],
)
def test_filters(flags: dict[str, str], wanted: list[bool]) -> None:
    keep = Filter(**flags)
    assert [bool(keep.line(line.strip())) for line in (RECONCILED, FAILED, START)] == wanted


def test_what_is_asked_of_the_api(api: Any, run: Any) -> None:
    controller(api, "source-controller", FAILED + RECONCILED, containers=2)
    assert run("logs", "-A", "--tail", "1").out.count("\n") == 1
    run("logs", "--since", "1m30s")
    run("logs", "--since-time", "2026-03-04T05:06:07Z")
    asked = [path for _, path in api.requests if "/log" in path]
    assert "tailLines=1" in asked[0]
    assert "container=manager" in asked[0]
    assert "sinceSeconds=90" in asked[1]
    assert "sinceTime=2026-03-04T05:06:07Z" in asked[2]


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--since", "1m", "--since-time", "2026-03-04T05:06:07Z"], "at most one of `sinceTime` or `sinceDuration`"),
        (["--since-time", "yesterday"], "yesterday is not a valid (RFC3339) time"),
        (["--level", "loud"], "unsupported log level 'loud', must be one of: debug, info, error"),
        (["--flux-namespace", "gitops"], 'no Flux pods found in namespace "gitops"'),
        (["extra"], "no argument required"),
    ],
)
def test_bad_input(argv: list[str], text: str, api: Any, run: Any) -> None:
    controller(api, "source-controller", FAILED)
    found = run("logs", *argv)
    assert found.code == 1
    assert text in found.err


def test_a_log_that_cannot_be_read_does_not_hide_the_others(api: Any, run: Any) -> None:
    controller(api, "a-controller", FAILED)
    controller(api, "b-controller", RECONCILED)
    api.refuse["/api/v1/namespaces/flux-system/pods/a-controller-0/log"] = (500, "no kubelet")
    found = run("logs", "-A")
    assert found.code == 1
    assert "Kustomization/app" in found.out
    assert found.err == "failed getting logs: no kubelet\n✗ failed to collect logs from all Flux pods\n"


def test_an_entry_that_is_no_json_ends_that_log(api: Any, run: Any) -> None:
    controller(api, "a-controller", RECONCILED + "{broken\n" + FAILED)
    found = run("logs", "-A")
    assert found.out.count("\n") == 1
    assert "✗ parse error: " in found.err
