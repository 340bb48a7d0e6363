"""`create source chart`."""

from __future__ import annotations

from pyflux.catalog.duration import format_duration
from pyflux.catalog.kinds import HELM_CHART
from pyflux.errors import UsageError
from pyflux.verbs.create.common import filled, labels, manifest, metadata, object_name, print_manifest
from pyflux.verbs.create.source_common import report_artifact, verification

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]


def check(call: Call) -> None:
    """Raises UsageError for options that are missing."""
    if not call.values["source"]:
        raise UsageError("chart source is required")
    if not call.str("chart"):
        raise UsageError("chart name or path is required")


def build_spec(call: Call) -> Obj:
    """The spec that checked options describe. Raises UsageError."""
    source = call.values["source"]
    return {
        "chart": call.str("chart"),
        "interval": format_duration(call.duration("interval")),
        "sourceRef": {"kind": source.kind, "name": source.name},
        **filled(
            version=call.str("chart-version"),
            reconcileStrategy=call.str("reconcile-strategy"),
            # flux looks at another command's --verify-subject here, so that it accepts one without a provider
            verify=verification(call, subject_alone=False),
        ),
    }


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    check(call)
    env.log.generate("generating HelmChart source")
    labelled = labels(call)
    obj = manifest(HELM_CHART, metadata(env, name, labelled), build_spec(call))
    if call.bool("export"):
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.apply import connect, upsert, wait_ready

    env.log.action("applying HelmChart source")
    deadline = env.monotonic() + env.kube.timeout
    client = connect(env)
    upsert(env, client, HELM_CHART.resource, obj, "source")
    env.log.waiting("waiting for HelmChart source reconciliation")
    ready = wait_ready(env, client, HELM_CHART.resource, obj, deadline)
    env.log.success("HelmChart source reconciliation completed")
    report_artifact(env, ready, "HelmChart source reconciliation completed but no artifact was found")
