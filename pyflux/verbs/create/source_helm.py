"""`create source helm`."""

from __future__ import annotations

from pyflux.catalog.duration import format_duration
from pyflux.catalog.gotext import Url, parse_url
from pyflux.catalog.kinds import HELM_REPOSITORY
from pyflux.errors import UsageError
from pyflux.verbs.create.common import (
    filled,
    labels,
    manifest,
    metadata,
    object_name,
    print_manifest,
    read_file,
)
from pyflux.verbs.create.source_common import fetch_timeout, report_artifact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]


def check_url(text: str) -> Url:
    """The parts of `--url`. Raises UsageError."""
    try:
        url = parse_url(text)
    except ValueError as why:
        raise UsageError(f"url parse failed: {why}") from None
    if url.scheme not in ("http", "https", "oci"):
        raise UsageError(f"url scheme '{url.scheme}' not supported, can be: http, https and oci")
    if not url.host:
        raise UsageError("url host is required")
    return url


def secret_ref(call: Call, name: str) -> Obj:
    """The part of the spec that names a secret and says whether to send its login to other hosts."""
    return {"secretRef": {"name": name}, **filled(passCredentials=call.bool("pass-credentials"))}


def build_spec(call: Call, url: Url) -> Obj:
    """The spec that the options describe."""
    is_oci = url.scheme == "oci"
    interval = call.duration("interval")
    return {
        "url": call.str("url"),
        "interval": format_duration(interval),
        **filled(
            type="oci" if is_oci else "",
            provider=call.str("oci-provider") if is_oci else "",
            timeout=fetch_timeout(call),
        ),
        **(secret_ref(call, call.str("secret-ref")) if call.str("secret-ref") else {}),
    }


def login(env: Env, call: Call, name: str) -> Obj:
    """The secret with the login that the options describe; without content where they describe none."""
    from pyflux.verbs.create import secret_build

    certificate = key = ca_crt = b""
    if call.str("ca-file"):
        ca_crt = read_file(call.str("ca-file"), "unable to read TLS CA file")
    if call.str("cert-file") and call.str("key-file"):
        certificate = read_file(call.str("cert-file"), "failed to read cert file")
        key = read_file(call.str("key-file"), "failed to read key file")
    return secret_build.helm(
        metadata(env, f"helm-{name}", {}),
        username=call.str("username"),
        password=call.str("password"),
        certificate=certificate,
        key=key,
        ca_crt=ca_crt,
    )


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    if not call.str("url"):
        raise UsageError("url is required")
    labelled = labels(call)
    url = check_url(call.str("url"))
    obj = manifest(HELM_REPOSITORY, metadata(env, name, labelled), build_spec(call, url))
    if call.bool("export"):
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.apply import connect, upsert, wait_ready
    from pyflux.verbs.create.secret_apply import upsert_secret

    deadline = env.monotonic() + env.kube.timeout
    client = connect(env)
    env.log.generate("generating HelmRepository source")
    if not call.str("secret-ref"):
        secret = login(env, call, name)
        if secret.get("stringData"):
            env.log.action("applying secret with repository credentials")
            upsert_secret(client, secret)
            obj["spec"] |= secret_ref(call, secret["metadata"]["name"])
            env.log.success("authentication configured")
    is_oci = url.scheme == "oci"
    env.log.action("applying HelmRepository source")
    upsert(env, client, HELM_REPOSITORY.resource, obj, "source")
    env.log.waiting("waiting for HelmRepository source reconciliation")
    ready = wait_ready(env, client, HELM_REPOSITORY.resource, obj, deadline, static=is_oci)
    env.log.success("HelmRepository source reconciliation completed")
    if not is_oci:
        report_artifact(env, ready, "HelmRepository source reconciliation completed but no artifact was found")
