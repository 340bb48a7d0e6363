"""`pyflux debug`: an object's status, its history, and what its references come to."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

from pyflux.catalog import kinds
from pyflux.catalog.resources import built_in
from pyflux.catalog.shapes import shaped, shaped_list
from pyflux.errors import KubeError, NotFound, PyfluxError, UsageError
from pyflux.kube import connect
from pyflux.ui.yamlout import dump
from pyflux.verbs import targets

if TYPE_CHECKING:
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_DOCS = "https://fluxcd.io/flux/components/"
_PAGES = {
    "Kustomization": (
        f"{_DOCS}kustomize/kustomizations/#kustomization-status",
        f"{_DOCS}kustomize/kustomizations/#history",
    ),
    "HelmRelease": (f"{_DOCS}helm/helmreleases/#helmrelease-status", f"{_DOCS}helm/helmreleases/#history"),
}
_SNAPSHOTS = {"Kustomization": "Reconciled", "HelmRelease": "Released"}


def run_kustomization(env: Env, call: Call) -> None:
    """`debug kustomization name`."""
    _one_of(call, "show-status", "show-vars", "show-history")
    client, obj = _read(env, call, kinds.KUSTOMIZATION)
    if call.bool("show-vars"):
        found = variables(client, obj)
        env.write("".join(f"{name}={found[name]}\n" for name in sorted(found)))
    else:
        _show(env, call, kinds.KUSTOMIZATION, obj)


def run_helmrelease(env: Env, call: Call) -> None:
    """`debug helmrelease name`."""
    _one_of(call, "show-status", "show-values", "show-history")
    client, obj = _read(env, call, kinds.HELM_RELEASE)
    if call.bool("show-values"):
        from pyflux.verbs.debug_values import chart_values

        env.write(dump(chart_values(client, obj)))
    else:
        _show(env, call, kinds.HELM_RELEASE, obj)


def _one_of(call: Call, *flags: str) -> None:
    if sum(call.bool(flag) for flag in flags) != 1:
        first, second, third = (f"--{flag}" for flag in flags)
        raise UsageError(f"exactly one of {first}, {second}, or {third} must be set")


def _read(env: Env, call: Call, kind: Kind) -> tuple[Client, Obj]:
    client = connect(env)
    return client, targets.fetch(client, kind, call.args[0], env.kube.namespace)


def _show(env: Env, call: Call, kind: Kind, obj: Obj) -> None:
    status = obj.get("status") or {}
    status_page, history_page = _PAGES[kind.name]
    if call.bool("show-status"):
        env.write(f"# Status documentation: {status_page}\n" + dump(shaped(f"{kind.name}Status", status)))
        return
    snapshots = status.get("history") or []
    env.write(f"# History documentation: {history_page}\n" + dump(shaped_list(_SNAPSHOTS[kind.name], snapshots)))


def variables(client: Client, obj: Obj) -> dict[str, str]:
    """The variables of a Kustomization's post-build substitution. Raises PyfluxError."""
    build = (obj.get("spec") or {}).get("postBuild")
    if build is None:
        raise PyfluxError("no post build substitutions found")
    found: dict[str, str] = {}
    for ref in build.get("substituteFrom") or []:
        kind, name = str(ref.get("kind", "")), str(ref.get("name", ""))
        resource = built_in("v1", kind)
        if kind not in ("ConfigMap", "Secret") or resource is None:
            continue
        try:
            holder = client.get(resource, name, obj["metadata"].get("namespace", ""))
        except NotFound as error:
            if ref.get("optional"):
                continue
            raise PyfluxError(f"substitute from '{kind}/{name}' error: {error.message}") from None
        except KubeError as error:
            raise PyfluxError(f"substitute from '{kind}/{name}' error: {error.message}", hint=error.hint) from None
        found.update(texts(holder))
    found.update(build.get("substitute") or {})
    # the substitution knows no values of several lines
    return {name: str(value).replace("\n", "") for name, value in found.items()}


def texts(holder: Obj) -> dict[str, str]:
    """The entries of a ConfigMap or, decoded, of a Secret."""
    data: dict[str, str] = holder.get("data") or {}
    if holder.get("kind") != "Secret":
        return data
    return {key: b64decode(value).decode("utf-8", "replace") for key, value in data.items()}
