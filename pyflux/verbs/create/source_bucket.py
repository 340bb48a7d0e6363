"""`create source bucket`."""

from __future__ import annotations

from pyflux.catalog.duration import format_duration
from pyflux.catalog.kinds import BUCKET
from pyflux.errors import UsageError
from pyflux.verbs.create.common import filled, labels, local_ref, manifest, metadata, object_name, print_manifest
from pyflux.verbs.create.source_common import fetch_timeout, ignore_rules, report_artifact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]


def build_spec(call: Call) -> Obj:
    """The spec that the options describe. Raises UsageError."""
    for flag in ("bucket-name", "endpoint"):
        if not call.str(flag):
            raise UsageError(f"{flag} is required")
    return {
        "bucketName": call.str("bucket-name"),
        "endpoint": call.str("endpoint"),
        "interval": format_duration(call.duration("interval")),
        **ignore_rules(call.strings("ignore-paths")),
        **filled(
            provider=call.str("provider"),
            insecure=call.bool("insecure"),
            region=call.str("region"),
            timeout=fetch_timeout(call),
            secretRef=local_ref(call.str("secret-ref")),
            proxySecretRef=local_ref(call.str("proxy-secret-ref")),
        ),
    }


def build_secret(env: Env, name: str, labelled: dict[str, str], access_key: str, secret_key: str) -> Obj | None:
    """A secret with the bucket's keys; None where one of them is missing."""
    if not access_key or not secret_key:
        return None
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(env, f"bucket-{name}", labelled),
        "stringData": {"accesskey": access_key, "secretkey": secret_key},
    }


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    spec = build_spec(call)
    labelled = labels(call)
    obj = manifest(BUCKET, metadata(env, name, labelled), spec)
    if call.bool("export"):
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.apply import connect, upsert, wait_ready
    from pyflux.verbs.create.secret_apply import upsert_secret

    deadline = env.monotonic() + env.kube.timeout
    client = connect(env)
    env.log.generate("generating Bucket source")
    if not call.str("secret-ref"):
        secret = build_secret(env, name, labelled, call.str("access-key"), call.str("secret-key"))
        if secret is not None:
            env.log.action("applying secret with the bucket credentials")
            upsert_secret(client, secret)
            spec["secretRef"] = {"name": secret["metadata"]["name"]}
            env.log.success("authentication configured")
    env.log.action("applying Bucket source")
    upsert(env, client, BUCKET.resource, obj, "Bucket source")
    env.log.waiting("waiting for Bucket source reconciliation")
    ready = wait_ready(env, client, BUCKET.resource, obj, deadline)
    env.log.success("Bucket source reconciliation completed")
    report_artifact(env, ready, "Bucket source reconciliation but no artifact was found")
