"""`pyflux export`: objects as YAML to keep, without what the cluster added to them."""

from __future__ import annotations

from pyflux.catalog import kinds
from pyflux.catalog.shapes import shaped
from pyflux.errors import KubeError, PyfluxError, Unreachable
from pyflux.kube import connect
from pyflux.ui.yamlout import dump
from pyflux.verbs import targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env
    from pyflux.kube.client import Client
    from pyflux.verbs.targets import Target

    Obj = dict[str, Any]


def exported(kind: Kind, obj: Obj) -> Obj:
    """What to keep of an object: names, labels, annotations and spec, as flux prints them."""
    return {
        "apiVersion": kind.resource.api_version,
        "kind": kind.name,
        "metadata": _metadata(obj),
        "spec": shaped(kind.name, obj.get("spec") or {}),
    }


def _metadata(obj: Obj) -> Obj:
    meta = obj["metadata"]
    fields = ("name", "namespace", "labels", "annotations")
    return {field: meta[field] for field in fields if meta.get(field)}


def run(env: Env, call: Call) -> None:
    """`export KIND name` or `export KIND --all`."""
    everything = call.bool("all")
    if not everything and not call.args:
        raise PyfluxError("name is required")
    kind = kinds.by_path(call.path)
    client = connect(env)
    namespace = env.kube.namespace
    if everything:
        objects = targets.listing(client, kind, namespace).items
        if not objects:
            raise PyfluxError(f"no objects found in {namespace} namespace")
    else:
        objects = [targets.fetch(client, kind, call.args[0], namespace)]
    with_secrets = bool(call.values.get("with-credentials"))
    for obj in objects:
        write(env, exported(kind, obj))
        if with_secrets:
            _write_secret(env, client, obj)


def run_named(env: Env, call: Call, wanted: list[Target]) -> None:
    """`export KIND/NAME …`: objects of any kinds."""
    client = connect(env)
    answers = client.get_many([(target.kind.resource, target.name, env.kube.namespace) for target in wanted])
    for target, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, KubeError):
            raise answer
        write(env, exported(target.kind, answer))


def write(env: Env, document: Obj) -> None:
    env.write("---\n" + dump(document).strip() + "\n")


def _write_secret(env: Env, client: Client, obj: Obj) -> None:
    """The secret that a source logs in with, where it has one."""
    from pyflux.catalog.resources import built_in

    ref = (obj.get("spec") or {}).get("secretRef")
    resource = built_in("v1", "Secret")
    if not ref or obj.get("kind") not in _WITH_SECRETS or resource is None:
        return
    name, namespace = str(ref.get("name", "")), str(obj["metadata"].get("namespace", ""))
    try:
        secret = client.get(resource, name, namespace)
    except Unreachable:
        raise
    except KubeError as error:
        raise PyfluxError(f"failed to retrieve secret {name}, error: {error.message}") from None
    document: Obj = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
    }
    if secret.get("data"):
        document["data"] = secret["data"]
    if secret.get("type"):
        document["type"] = secret["type"]
    write(env, document)


_WITH_SECRETS = ("GitRepository", "OCIRepository", "HelmRepository", "Bucket")
