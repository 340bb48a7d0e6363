"""`create tenant`."""

from __future__ import annotations

from typing import NamedTuple

from pyflux.catalog.labels import qualified_name_faults
from pyflux.catalog.resources import built_in
from pyflux.errors import NotFound, UsageError
from pyflux.verbs.create.common import labels, object_name, print_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.catalog.resources import Resource
    from pyflux.env import Call, Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

TENANT_LABEL = "toolkit.fluxcd.io/tenant"
_RBAC = "rbac.authorization.k8s.io"


class Part(NamedTuple):
    """A tenant's objects in one namespace."""

    namespace: Obj
    account: Obj
    binding: Obj


def _check(kind: str, name: str) -> None:
    if faults := qualified_name_faults(name):
        raise UsageError(f"invalid {kind} '{name}': [{' '.join(faults)}]")


def build(tenant: str, namespace: str, account: str, cluster_role: str, labelled: dict[str, str]) -> Part:
    """The namespace, the service account and the role binding of one namespace of a tenant."""
    marked = {**labelled, TENANT_LABEL: tenant}
    binding = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"{tenant}-reconciler", "namespace": namespace, "labels": marked},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": cluster_role},
        "subjects": [
            {"apiGroup": _RBAC, "kind": "User", "name": f"gotk:{namespace}:reconciler"},
            {"kind": "ServiceAccount", "name": account, "namespace": namespace},
        ],
    }
    return Part(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": marked}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": account, "namespace": namespace, "labels": marked},
        },
        binding,
    )


def build_parts(tenant: str, call: Call) -> list[Part]:
    """The objects of every namespace that the options name. Raises UsageError."""
    _check("tenant name", tenant)
    if not call.str("cluster-role"):
        raise UsageError("cluster-role is required")
    if not call.strings("with-namespace"):
        raise UsageError("with-namespace is required")
    parts = []
    for namespace in call.strings("with-namespace"):
        _check("namespace", namespace)
        labelled = labels(call)
        account = call.str("with-service-account") or tenant
        _check("service-account name", account)
        parts.append(build(tenant, namespace, account, call.str("cluster-role"), labelled))
    return parts


def run(env: Env, call: Call) -> None:
    parts = build_parts(object_name(call), call)
    with_namespaces = not call.bool("skip-namespace")
    if call.bool("export"):
        for part in parts:
            for obj in part if with_namespaces else part[1:]:
                print_manifest(env, obj)
        return
    from pyflux.verbs.create.apply import connect

    client = connect(env)
    for part in parts:
        if with_namespaces:
            env.log.action(f"applying namespace {part.namespace['metadata']['name']}")
            _upsert_labelled(client, part.namespace)
        env.log.action(f"applying service account {part.account['metadata']['name']}")
        _upsert_labelled(client, part.account)
        env.log.action(f"applying role binding {part.binding['metadata']['name']}")
        _upsert_binding(client, part.binding)
    env.log.success("tenant setup completed")


def _resource(obj: Obj) -> Resource:
    resource = built_in(obj["apiVersion"], obj["kind"])
    assert resource is not None
    return resource


def _has_labels(existing: Obj, wanted: dict[str, str]) -> bool:
    return wanted.items() <= (existing["metadata"].get("labels") or {}).items()


def _upsert_labelled(client: Client, obj: Obj) -> None:
    """Creates an object, or sets its labels where some are missing."""
    from pyflux.verbs.create.apply import create_or_change

    wanted = obj["metadata"]["labels"]

    def change(existing: Obj) -> None:
        if not _has_labels(existing, wanted):
            existing["metadata"]["labels"] = dict(wanted)

    create_or_change(client, _resource(obj), obj, change)


def _upsert_binding(client: Client, obj: Obj) -> None:
    """Creates a role binding, anew where it differs: its role cannot be changed."""
    resource = _resource(obj)
    name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
    try:
        existing = client.get(resource, name, namespace)
    except NotFound:
        client.create(resource, obj)
        return
    same = existing.get("roleRef") == obj["roleRef"] and _same_subjects(existing.get("subjects") or [], obj["subjects"])
    if same and _has_labels(existing, obj["metadata"]["labels"]):
        return
    client.delete(resource, name, namespace)
    client.create(resource, obj)


def _same_subjects(existing: list[Obj], wanted: list[Obj]) -> bool:
    if len(existing) != len(wanted):
        return False
    return all(want.items() <= have.items() for want, have in zip(wanted, existing, strict=True))
