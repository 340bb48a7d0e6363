"""`create source oci`."""

from __future__ import annotations

from pyflux.catalog.duration import format_duration
from pyflux.catalog.gotext import quote
from pyflux.catalog.kinds import OCI_REPOSITORY
from pyflux.errors import UsageError
from pyflux.verbs.create.common import filled, labels, local_ref, manifest, metadata, object_name, print_manifest
from pyflux.verbs.create.source_common import fetch_timeout, ignore_rules, report_artifact, verification

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]


def layer_selector(text: str) -> Obj | None:
    """Which layer to fetch, and how. Raises UsageError."""
    if not text:
        return None
    media_type, _, operation = text.partition(":")
    if not media_type or not operation:
        raise UsageError(f"invalid --layer-selector {quote(text)}: must be in the format '<media-type>:<operation>'")
    if operation not in ("extract", "copy"):
        raise UsageError(f'invalid --layer-selector {quote(text)}: operation must be "extract" or "copy"')
    return {"mediaType": media_type, "operation": operation}


def check(call: Call) -> None:
    """Raises UsageError for options that are missing."""
    if not call.str("url"):
        raise UsageError("url is required")
    if not (call.str("tag-semver") or call.str("tag") or call.str("digest")):
        raise UsageError("--tag, --tag-semver or --digest is required")


def build_spec(call: Call) -> Obj:
    """The spec that checked options describe. Raises UsageError."""
    return {
        "url": call.str("url"),
        "interval": format_duration(call.duration("interval")),
        **ignore_rules(call.strings("ignore-paths")),
        "ref": filled(digest=call.str("digest"), semver=call.str("tag-semver"), tag=call.str("tag")),
        **filled(
            provider=call.str("provider"),
            insecure=call.bool("insecure"),
            layerSelector=layer_selector(call.str("layer-selector")),
            timeout=fetch_timeout(call),
            serviceAccountName=call.str("service-account"),
            secretRef=local_ref(call.str("secret-ref")),
            proxySecretRef=local_ref(call.str("proxy-secret-ref")),
            certSecretRef=local_ref(call.str("cert-ref")),
            verify=verification(call, subject_alone=True),
        ),
    }


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    check(call)
    layer_selector(call.str("layer-selector"))
    obj = manifest(OCI_REPOSITORY, metadata(env, name, labels(call)), build_spec(call))
    if call.bool("export"):
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.apply import connect, upsert, wait_ready

    deadline = env.monotonic() + env.kube.timeout
    client = connect(env)
    env.log.action("applying OCIRepository")
    upsert(env, client, OCI_REPOSITORY.resource, obj, "OCIRepository")
    env.log.waiting("waiting for OCIRepository reconciliation")
    ready = wait_ready(env, client, OCI_REPOSITORY.resource, obj, deadline)
    env.log.success("OCIRepository reconciliation completed")
    report_artifact(env, ready, "no artifact was found")
