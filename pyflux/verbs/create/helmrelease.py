"""`create helmrelease`."""

from __future__ import annotations

from pyflux.catalog.duration import format_duration
from pyflux.catalog.kinds import HELM_RELEASE
from pyflux.catalog.objectref import split_kind_name, split_kind_name_namespace
from pyflux.errors import UsageError
from pyflux.verbs.create.common import (
    depends_on,
    filled,
    kubeconfig_ref,
    labels,
    manifest,
    metadata,
    object_name,
    print_manifest,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]

_STRATEGIES = ("Revision", "ChartVersion")
_CHART_REF_KINDS = ("OCIRepository", "HelmChart")
_VALUES_KINDS = ("Secret", "ConfigMap")


def check(call: Call) -> None:
    """Raises UsageError for options that do not go together."""
    if not call.str("chart") and not call.str("chart-ref"):
        raise UsageError("chart or chart-ref is required")
    if call.str("chart") and call.str("chart-ref"):
        raise UsageError("cannot use --chart in combination with --chart-ref")


def check_strategy(call: Call) -> None:
    strategy = call.str("reconcile-strategy")
    if strategy not in _STRATEGIES:
        raise UsageError(f"'{strategy}' is an invalid reconcile strategy(valid: Revision, ChartVersion)")


def chart_template(call: Call) -> Obj:
    """The chart that the HelmRelease fetches itself."""
    kind, name, namespace = call.values["source"] or ("", "", "")
    interval = call.duration("chart-interval")
    spec = {
        "chart": call.str("chart"),
        "sourceRef": {**filled(kind=kind), "name": name, **filled(namespace=namespace)},
        **filled(
            version=call.str("chart-version"),
            reconcileStrategy=call.str("reconcile-strategy"),
            interval=format_duration(interval) if interval else None,
        ),
    }
    return {"spec": spec}


def chart_ref(text: str) -> Obj:
    """The object that fetches the chart. Raises UsageError."""
    kind, name, namespace = split_kind_name_namespace(text)
    if kind not in _CHART_REF_KINDS:
        raise UsageError(
            f"chart reference kind '{kind}' is not supported, must be one of: {', '.join(_CHART_REF_KINDS)}"
        )
    return {"kind": kind, "name": name, **filled(namespace=namespace)}


def values_reference(text: str) -> Obj:
    """An object with values, from "kind/name". Raises UsageError."""
    kind, name = split_kind_name(text)
    if not kind:
        raise UsageError(f"invalid Kubernetes object reference '{text}', must be in format <kind>/<name>")
    for known in _VALUES_KINDS:
        if known.casefold() == kind.casefold():
            return {"kind": known, "name": name}
    raise UsageError(f"reference kind '{kind}' is not supported, must be one of: {', '.join(_VALUES_KINDS)}")


def build_spec(call: Call, values: Obj | None) -> Obj:
    """The spec that the options describe, with values that were read before. Raises UsageError."""
    crds = call.str("crds")
    install = filled(createNamespace=call.bool("create-target-namespace"), crds="Create" if crds else "")
    target = call.str("target-namespace")
    spec = {
        "interval": format_duration(call.duration("interval")),
        **filled(
            chart=chart_template(call) if call.str("chart") else None,
            chartRef=chart_ref(call.str("chart-ref")) if call.str("chart-ref") else None,
            releaseName=call.str("release-name"),
            targetNamespace=target,
            storageNamespace=call.str("storage-namespace") or target,
            dependsOn=depends_on(call.strings("depends-on")),
            kubeConfig=kubeconfig_ref(call.str("kubeconfig-secret-ref")),
            install=install,
            upgrade=filled(crds=crds),
            serviceAccountName=call.str("service-account"),
        ),
    }
    if values is not None:
        spec["values"] = values
    references = [values_reference(text) for text in call.strings("values-from")]
    return {**spec, **filled(valuesFrom=references)}


def applied_revision(obj: Obj) -> str:
    """The chart version of the newest release, or the last one that was tried."""
    status: Obj = obj.get("status") or {}
    history = status.get("history") or []
    return str(history[0].get("chartVersion", "") if history else status.get("lastAttemptedRevision", ""))


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    check(call)
    labelled = labels(call)
    exporting = call.bool("export")
    if not exporting:
        env.log.generate("generating HelmRelease")
    check_strategy(call)
    values = None
    if call.strings("values"):
        from pyflux.verbs.create.values import read_values

        values = read_values(call.strings("values"))
    obj = manifest(HELM_RELEASE, metadata(env, name, labelled), build_spec(call, values))
    if exporting:
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.apply import connect, upsert, wait_ready

    deadline = env.monotonic() + env.kube.timeout
    client = connect(env)
    env.log.action("applying HelmRelease")
    upsert(env, client, HELM_RELEASE.resource, obj, "HelmRelease")
    env.log.waiting("waiting for HelmRelease reconciliation")
    ready = wait_ready(env, client, HELM_RELEASE.resource, obj, deadline)
    env.log.success(f"HelmRelease {name} is ready")
    env.log.success(f"applied revision {applied_revision(ready)}")
