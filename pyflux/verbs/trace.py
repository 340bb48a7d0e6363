"""`pyflux trace`: from an object in the cluster to what manages it, and on to the source it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.catalog import kinds
from pyflux.errors import KubeError, NotFound, PyfluxError, UsageError
from pyflux.kube import connect
from pyflux.verbs.trace_report import Report, describe_chart, describe_release, describe_source

if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_OWNERS_DEEP = 20


def run(env: Env, call: Call) -> None:
    """`trace KIND NAME …`."""
    from pyflux.verbs.trace_find import USAGE, by_kind, by_words

    kind, api_version = call.str("kind"), call.str("api-version")
    namespace = env.kube.namespace
    if kind or api_version:
        if not call.args:
            raise PyfluxError("object name is required")
        if not kind:
            raise PyfluxError("object kind is required (--kind)")
        if not api_version:
            raise PyfluxError("object apiVersion is required (--api-version)")
    elif not call.args:
        raise UsageError(USAGE)
    client = connect(env)
    if kind:
        objects = [by_kind(client, api_version, kind, call.args[0], namespace)]
    else:
        objects = by_words(client, call.args, namespace)
    for number, obj in enumerate(objects, 1):
        meta = obj["metadata"]
        try:
            env.write(trace(client, obj))
        except PyfluxError as error:
            env.stdout.flush()
            env.stderr.write(
                f"failed to trace {obj['kind']}/{meta['name']} in namespace {meta.get('namespace', '')}: "
                f"{error.message}"
            )
            env.stderr.flush()
        if number < len(objects):
            env.write("---\n")


def trace(client: Client, obj: Obj) -> str:
    """The report on an object. Raises PyfluxError where Flux does not manage it."""
    for group, report in ((kinds.KUSTOMIZE, _kustomization), (kinds.HELM, _helm_release)):
        manager = _manager(client, obj, group)
        if manager is not None:
            return report(client, obj, *manager)
    raise PyfluxError("object not managed by Flux")


def _manager(client: Client, obj: Obj, group: str) -> tuple[str, str] | None:
    """(namespace, name) from the labels of the object or, where it has none, of one of its owners."""
    for _ in range(_OWNERS_DEEP):
        found = _labelled(obj, group)
        if found is not None:
            return found
        owner: Obj | None = None
        for ref in obj["metadata"].get("ownerReferences") or []:
            try:
                resource = client.resource_for(ref["apiVersion"], ref["kind"])
                owner = client.get(resource, ref["name"], obj["metadata"].get("namespace", ""))
            except KubeError:
                return None
            found = _labelled(owner, group)
            if found is not None:
                return found
            if owner["metadata"].get("ownerReferences"):
                break
        if owner is None or not owner["metadata"].get("ownerReferences"):
            return None
        obj = owner
    return None


def _labelled(obj: Obj, group: str) -> tuple[str, str] | None:
    labels = obj["metadata"].get("labels") or {}
    name = labels.get(f"{group}/name", "")
    return (labels.get(f"{group}/namespace", ""), name) if name else None


def _get(client: Client, kind: str, namespace: str, name: str, *, called: str = "") -> Obj:
    try:
        if not namespace:
            # a label that lacks its counterpart
            raise NotFound("an empty namespace may not be set when a resource name is provided")
        return client.get(kinds.kind(kind).resource, name, namespace)
    except NotFound as error:
        raise PyfluxError(f"failed to find {called or kind}: {error.message}") from None


def _source(client: Client, ref: Obj, namespace: str) -> Obj:
    """A source by its reference. Raises PyfluxError."""
    kind = str(ref["kind"])
    found = _get(client, kind, str(ref.get("namespace") or namespace), str(ref.get("name", "")))
    if kind == "ExternalArtifact" and not (found.get("spec") or {}).get("sourceRef"):
        meta = found["metadata"]
        raise PyfluxError(f"ExternalArtifact {meta.get('namespace', '')}/{meta['name']} is missing spec.sourceRef")
    return found


def _kustomization(client: Client, obj: Obj, namespace: str, name: str) -> str:
    manager = _get(client, "Kustomization", namespace, name, called="kustomization")
    ref = manager["spec"]["sourceRef"]
    report = Report(17)
    report.head(obj)
    describe_release(report, manager)
    if ref.get("kind") in ("GitRepository", "OCIRepository", "ExternalArtifact"):
        source = _source(client, ref, manager["metadata"].get("namespace", ""))
        describe_source(report, ref["kind"], source, origin=True)
    return report.text


def _helm_release(client: Client, obj: Obj, namespace: str, name: str) -> str:
    manager = _get(client, "HelmRelease", namespace, name)
    own = manager["metadata"].get("namespace", "")
    spec = manager.get("spec") or {}
    report = Report(16)
    report.head(obj)
    describe_release(report, manager)
    chart = str((manager.get("status") or {}).get("helmChart") or "")
    if chart:
        chart_namespace, _, chart_name = chart.rpartition("/")
        describe_chart(report, _get(client, "HelmChart", chart_namespace, chart_name))
    ref: Obj = {}
    if spec.get("chart"):
        ref = (spec["chart"].get("spec") or {}).get("sourceRef") or {}
        shown = ("GitRepository", "HelmRepository")
    else:
        ref = spec.get("chartRef") or {}
        shown = ("OCIRepository", "ExternalArtifact")
    if ref.get("kind") in shown:
        describe_source(report, ref["kind"], _source(client, ref, own))
    return report.text
