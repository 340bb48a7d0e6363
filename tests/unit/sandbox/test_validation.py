"""What the API server says of built-in kinds; the fidelity suite compares the same with a real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyflux.sandbox.bootstrap import make_defaults
from pyflux.sandbox.engine import Engine
from pyflux.sandbox.options import Options
from pyflux.sandbox.registry import Kind, Registry
from pyflux.sandbox.status import ApiError
from pyflux.sandbox.storage import Store
from pyflux.sandbox.validation.batch import schedule_errors

Obj = dict[str, Any]
LABELS = {"a": "b"}
SELECTED: Obj = {"selector": {"matchLabels": LABELS}}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine on a store that commits at once."""
    made = Engine(Store(tmp_path / "db"), Registry())
    make_defaults(made, 1)
    yield made
    made.store.close()


def kind(engine: Engine, group: str, version: str, plural: str) -> Kind:
    found = engine.registry.find(group, version, plural)
    assert found is not None
    return found


def template(**container: Any) -> Obj:
    return {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "c", "image": "i", **container}]}}


def create(engine: Engine, where: Kind, name: str, options: Options | None = None, **content: Any) -> Obj:
    obj = {"metadata": {"name": name}, **content}
    return engine.create(where, "default", obj, options or Options(manager="t"))


def test_a_stateful_set_mounts_its_claims(engine: Engine) -> None:
    claims = [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]
    pod = template(volumeMounts=[{"name": "data", "mountPath": "/data"}])
    sets = kind(engine, "apps", "v1", "statefulsets")
    made = create(engine, sets, "db", spec={**SELECTED, "template": pod, "volumeClaimTemplates": claims})
    assert made["metadata"]["generation"] == 1
    with pytest.raises(ApiError, match='Not found: "data"'):
        create(engine, sets, "other", spec={**SELECTED, "template": pod})


@pytest.mark.parametrize(
    ("container", "why"),
    [
        ({"livenessProbe": {}}, "must specify a handler type"),
        ({"readinessProbe": {"httpGet": {"port": 0}}}, "must be between 1 and 65535"),
        ({"env": [{"name": "A", "valueFrom": {}}]}, "must specify one of: `fieldRef`"),
        ({"resources": {"limits": {"gpu": 1}}}, "must be a standard resource for containers"),
        ({"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1000m"}}}, "less than or equal to cpu limit of 1"),
        ({"securityContext": {"runAsUser": -1}}, "must be between 0 and 2147483647"),
    ],
)
def test_containers_are_checked(engine: Engine, container: Obj, why: str) -> None:
    with pytest.raises(ApiError, match=why):
        create(
            engine,
            kind(engine, "apps", "v1", "deployments"),
            "web",
            spec={**SELECTED, "template": template(**container)},
        )


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"ports": [{"port": 80}], "ipFamilies": ["IPv6"]}, "not configured on this cluster"),
        ({"ports": [{"port": 80}], "clusterIP": "192.168.1.1"}, "does not match the current range"),
        ({"ports": [{"port": 80, "nodePort": 80}], "type": "NodePort"}, "range of valid ports is 30000-32767"),
        ({"ports": [{"port": 80}], "externalTrafficPolicy": "Local"}, "externally-accessible services"),
        ({"ports": [{"port": 80}], "loadBalancerClass": "a.example.com/b"}, "when `type` is 'LoadBalancer'"),
    ],
)
def test_services_are_checked(engine: Engine, spec: Obj, why: str) -> None:
    with pytest.raises(ApiError, match=why):
        create(engine, kind(engine, "", "v1", "services"), "web", spec=spec)


def test_addresses_are_free_again_when_their_service_goes(engine: Engine) -> None:
    services = kind(engine, "", "v1", "services")
    spec = {"ports": [{"port": 80, "nodePort": 30080}], "type": "NodePort", "clusterIP": "10.96.7.7"}
    create(engine, services, "tried", Options(manager="t", dry_run=True), spec=dict(spec))
    create(engine, services, "one", spec=dict(spec))
    with pytest.raises(ApiError, match="provided IP is already allocated"):
        create(engine, services, "two", spec=dict(spec))
    with pytest.raises(ApiError, match="provided port is already allocated"):
        create(engine, services, "two", spec={**spec, "clusterIP": ""})
    engine.delete(services, "default", "one", {}, Options(manager="t"))
    create(engine, services, "two", spec=dict(spec))


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("*/5 0-6,12 1 jan-mar mon", ""),
        ("@hourly", ""),
        ("@every 1h30m", ""),
        ("@sometimes", "unrecognized descriptor: @sometimes"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("61 * * * *", "end of range (61) above maximum (59): 61"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("9-2 * * * *", "beginning of range (9) beyond end of range (2): 9-2"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("TZ=UTC * * * * *", "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"),
    ],
)
def test_schedules_are_checked(schedule: str, why: str) -> None:
    assert schedule_errors(schedule) == ([why] if why else [])


def test_kubectl_keeps_what_it_applied_from_the_clients_side(engine: Engine) -> None:
    maps = kind(engine, "", "v1", "configmaps")
    config: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}
    note = '{"apiVersion":"v1","data":{"k":"v"},"kind":"ConfigMap","metadata":{"annotations":{},"name":"a"}}'
    notes = {"kubectl.kubernetes.io/last-applied-configuration": note}
    first = {**config, "metadata": {"name": "a", "annotations": notes}}
    engine.create(maps, "default", first, Options(manager="kubectl-client-side-apply"))
    changed = {**config, "metadata": {"name": "a"}, "data": {"k": "w"}}
    with pytest.raises(ApiError, match='conflict with "kubectl-client-side-apply"'):
        engine.apply(maps, "default", "a", {**changed, "metadata": {"name": "a"}}, Options(manager="other"))
    made, _ = engine.apply(maps, "default", "a", changed, Options(manager="kubectl"))
    assert made["data"] == {"k": "w"}
    assert '"k":"w"' in made["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
