"""`events`: which, in which order, how long ago."""

from __future__ import annotations

from typing import Any

import pytest

NOW = "2027-01-15T08:00:00Z"  # what the tests' clock says


def event(name: str, kind: str, about: str, namespace: str = "flux-system", **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {"kind": kind, "name": about, "namespace": namespace},
        "type": "Normal",
        "reason": "Progressing",
        "message": name,
        **more,
    }


def at(stamp: str) -> dict[str, str]:
    return {"firstTimestamp": stamp, "lastTimestamp": stamp}


@pytest.fixture
def events(api: Any) -> None:
    series = {"count": 4, "lastObservedTime": "2027-01-15T07:58:00.000000Z"}
    api.add(
        event("newest", "Kustomization", "app", **at("2027-01-15T07:59:30Z")),
        event("oldest", "GitRepository", "fleet", **at("2027-01-14T08:00:00Z")),
        event("many", "HelmRelease", "web", **{**at("2027-01-15T07:00:00Z"), "count": 5, "type": "Warning"}),
        event("series", "HelmRelease", "web", eventTime="2027-01-15T06:00:00.000000Z", series=series),
        event("pod", "Pod", "x", **at("2027-01-15T07:00:00Z")),
        event("away", "Alert", "a", "apps", **at("2027-01-15T07:00:00Z")),
        event("timeless", "Receiver", "r"),
    )


def _column(out: str, index: int) -> list[str]:
    return [row.split("\t")[index].strip() for row in out.splitlines()[1:]]


def test_oldest_first_and_flux_objects_only(events: None, run: Any) -> None:
    out = run("events").out
    assert _column(out, 4) == ["timeless", "oldest", "many", "series", "newest"]
    assert _column(out, 0) == ["<unknown>", "24h", "60m (x5 over 60m)", "2m (x4 over 120m)", "30s"]
    everywhere = run("events", "-A").out
    assert everywhere.startswith("NAMESPACE  \tLAST SEEN")
    assert "away" in _column(everywhere, 5)


def test_types_and_kinds(events: None, run: Any) -> None:
    assert _column(run("events", "--types", "warning").out, 4) == ["many"]
    assert _column(run("events", "--for", "helmrelease").out, 4) == ["many", "series"]
    assert _column(run("events", "--for", "ks").out, 4) == ["newest"]
    assert run("events", "--types", "odd").err == ("✗ type 'odd' not supported. Supported types are Normal, Warning\n")
    assert run("events", "--for", "Pod/x").err == "✗ 'Pod' is not a recognized Flux kind\n"
    assert run("events", "--for", "/").err == "✗ --for selector must be of format <kind>[/<name>]\n"
    assert run("events", "-n", "empty") == (0, "", "✗ No events found in empty namespace.\n")


def test_what_an_object_refers_to_is_shown_with_it(events: None, api: Any, run: Any, make: Any) -> None:
    ref = {"kind": "GitRepository", "name": "fleet"}
    api.add(make("Kustomization", "app", {"sourceRef": ref}))
    assert _column(run("events", "--for", "Kustomization/app").out, 4) == ["oldest", "newest"]
    chart = {"spec": {"sourceRef": {"kind": "HelmRepository", "name": "repo", "namespace": "apps"}}}
    api.add(
        make("HelmRelease", "web", {"chart": chart}),
        event("chart", "HelmChart", "flux-system-web", "apps", **at("2027-01-15T07:59:00Z")),
        event("repo", "HelmRepository", "repo", "apps", **at("2027-01-15T07:59:10Z")),
    )
    out = run("events", "--for", "HelmRelease/web").out
    assert out.startswith("NAMESPACE")
    assert _column(out, 5) == ["many", "series", "chart", "repo"]
    api.add(
        make("HelmRelease", "oci", {"chartRef": {"kind": "OCIRepository", "name": "o"}}),
        make("Alert", "a", {"providerRef": {"name": "p"}}),
        make("Alert", "b", {}),
        event("provider", "Provider", "p", **at("2027-01-15T07:59:10Z")),
        event("oci", "OCIRepository", "o", **at("2027-01-15T07:59:10Z")),
    )
    assert _column(run("events", "--for", "hr/oci").out, 4) == ["oci"]
    assert _column(run("events", "--for", "Alert/a").out, 4) == ["provider"]
    assert "field 'spec.providerRef.name' for 'flux-system/b' not found" in run("events", "--for", "Alert/b").err
    assert run("events", "--for", "Alert/nope").err == '✗ alerts.notification.toolkit.fluxcd.io "nope" not found\n'


def test_watch_has_one_header(events: None, api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "app", {"sourceRef": {"kind": "GitRepository", "name": "fleet"}}))
    found = run("events", "--watch", "--timeout=1s", "--for", "Kustomization/app")
    assert found.code == 0
    assert found.out.count("LAST SEEN") == 1
    assert "newest" in found.out


def test_a_refused_list_is_one_line(api: Any, run: Any) -> None:
    api.refuse["/api/v1/namespaces/flux-system/events"] = (403, "events is forbidden")
    assert run("events").err == "✗ error getting events: events is forbidden\n"
