"""`create kustomization`."""

from __future__ import annotations

from pyflux.catalog.duration import format_duration
from pyflux.catalog.kinds import HELM_RELEASE, KUSTOMIZATION
from pyflux.errors import UsageError
from pyflux.verbs.create.common import (
    depends_on,
    filled,
    kubeconfig_ref,
    labels,
    local_ref,
    manifest,
    metadata,
    object_name,
    positive_duration,
    print_manifest,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]

_CHECKED_KINDS = ("Deployment", "DaemonSet", "StatefulSet", "HelmRelease")


def health_check(text: str) -> Obj:
    """A reference from "kind/name.namespace". Raises UsageError."""
    parts = text.split("/")
    if len(parts) != 2:
        raise UsageError(
            f"invalid health check '{text}' must be in the format 'kind/name.namespace' [{' '.join(parts)}]"
        )
    kind, where = parts
    if kind not in _CHECKED_KINDS:
        raise UsageError(f"invalid health check kind '{kind}' can be HelmRelease, Deployment, DaemonSet or StatefulSet")
    if where.count(".") != 1:
        raise UsageError(f"invalid health check '{text}' must be in the format 'kind/name.namespace'")
    name, _, namespace = where.partition(".")
    version = HELM_RELEASE.resource.api_version if kind == HELM_RELEASE.name else ""
    return {**filled(apiVersion=version), "kind": kind, "name": name, **filled(namespace=namespace)}


def build_spec(call: Call) -> Obj:
    """The spec that the options describe. Raises UsageError."""
    source = call.values["source"]
    waits = call.bool("wait")
    checks = [] if waits else [health_check(text) for text in call.strings("health-check")]
    provider = call.str("decryption-provider")
    decryption = {"provider": provider, **filled(secretRef=local_ref(call.str("decryption-secret")))}
    return {
        "interval": format_duration(call.duration("interval")),
        "path": call.str("path"),
        "prune": call.bool("prune"),
        "sourceRef": {"kind": source.kind, "name": source.name, **filled(namespace=source.namespace)},
        **filled(
            dependsOn=depends_on(call.strings("depends-on")),
            kubeConfig=kubeconfig_ref(call.str("kubeconfig-secret-ref")),
            healthChecks=checks,
            wait=waits,
            timeout=format_duration(call.duration("health-check-timeout")) if waits or checks else None,
            serviceAccountName=call.str("service-account"),
            decryption=decryption if provider else None,
            retryInterval=positive_duration(call.duration("retry-interval")),
            targetNamespace=call.str("target-namespace"),
        ),
    }


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    if not call.values["source"]:
        raise UsageError("source is required")
    exporting = call.bool("export")
    if not exporting:
        env.log.generate("generating Kustomization")
    obj = manifest(KUSTOMIZATION, metadata(env, name, labels(call)), build_spec(call))
    if exporting:
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.apply import connect, upsert, wait_ready

    deadline = env.monotonic() + env.kube.timeout
    client = connect(env)
    env.log.action("applying Kustomization")
    upsert(env, client, KUSTOMIZATION.resource, obj, "Kustomization")
    env.log.waiting("waiting for Kustomization reconciliation")
    ready = wait_ready(env, client, KUSTOMIZATION.resource, obj, deadline)
    env.log.success(f"Kustomization {name} is ready")
    env.log.success(f"applied revision {ready['status'].get('lastAppliedRevision', '')}")
