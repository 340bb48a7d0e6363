"""`create source git`."""

from __future__ import annotations

from pyflux.catalog.duration import format_duration
from pyflux.catalog.gotext import Url, parse_url
from pyflux.catalog.kinds import GIT_REPOSITORY
from pyflux.errors import PyfluxError, UsageError
from pyflux.verbs.create.common import (
    filled,
    labels,
    local_ref,
    manifest,
    metadata,
    object_name,
    print_manifest,
    read_file,
)
from pyflux.verbs.create.source_common import fetch_timeout, ignore_rules, report_artifact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]


def check(call: Call) -> Url:
    """The parts of `--url`. Raises UsageError for options that are missing or do not go together."""
    if not call.str("url"):
        raise UsageError("url is required")
    try:
        url = parse_url(call.str("url"))
    except ValueError as why:
        raise UsageError(f"git URL parse failed: {why}") from None
    if url.scheme not in ("ssh", "http", "https"):
        raise UsageError(f"git URL scheme '{url.scheme}' not supported, can be: ssh, http and https")
    if not any(call.str(flag) for flag in ("branch", "tag", "tag-semver", "commit", "ref-name")):
        raise UsageError(
            "a Git ref is required, use one of the following: --branch, --tag, --commit, --ref-name or --tag-semver"
        )
    if call.str("ca-file") and url.scheme == "ssh":
        raise UsageError("specifying a CA file is not supported for Git over SSH")
    return url


def reference(call: Call) -> Obj:
    """What to fetch: the most exact of the options."""
    if call.str("commit"):
        return {"commit": call.str("commit"), **filled(branch=call.str("branch"))}
    for flag, field in (("ref-name", "name"), ("tag-semver", "semver"), ("tag", "tag")):
        if call.str(flag):
            return {field: call.str(flag)}
    return {"branch": call.str("branch")}


def build_spec(call: Call) -> Obj:
    """The spec that checked options describe."""
    return {
        "url": call.str("url"),
        "interval": format_duration(call.duration("interval")),
        **ignore_rules(call.strings("ignore-paths")),
        "ref": reference(call),
        **filled(
            recurseSubmodules=call.bool("recurse-submodules"),
            sparseCheckout=call.strings("sparse-checkout-paths"),
            timeout=fetch_timeout(call),
            secretRef=local_ref(call.str("secret-ref")),
            proxySecretRef=local_ref(call.str("proxy-secret-ref")),
            provider=call.str("provider"),
        ),
    }


def login(env: Env, call: Call, url: Url, name: str) -> Obj:
    """The secret with the login that the options describe; without content where they describe none."""
    from pyflux.verbs.create import secret_build

    meta = metadata(env, name, {})
    password = call.str("password")
    if url.scheme == "ssh":
        from pyflux.verbs.create.deploy_key import key_pair, known_hosts

        pair = key_pair(call)
        return secret_build.git(meta, password=password, key=pair, known_hosts=known_hosts(url.host))
    ca_crt = b""
    if url.scheme == "http":
        env.log.warning("insecure configuration: credentials configured for an HTTP URL")
    elif call.str("ca-file"):
        ca_crt = read_file(call.str("ca-file"), "unable to read TLS CA file")
    return secret_build.git(meta, username=call.str("username"), password=password, ca_crt=ca_crt)


def _configure_login(env: Env, client: Client, call: Call, secret: Obj) -> None:
    """Shows the deploy key, asks whether the repository knows it, applies the secret."""
    from pyflux.ui.confirm import confirm
    from pyflux.verbs.create.secret_apply import upsert_secret

    content = secret["stringData"]
    if "known_hosts" in content:
        env.log.success(f"collected public key from SSH server:\n{content['known_hosts']}")
    if "identity.pub" in content:
        env.log.generate(f"deploy key: {content['identity.pub']}")
        asked = not call.bool("silent")
        if asked and not confirm(env, "Have you added the deploy key to your repository"):
            raise PyfluxError("aborting")
    env.log.action("applying secret with repository credentials")
    upsert_secret(client, secret)
    env.log.success("authentication configured")


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    url = check(call)
    obj = manifest(GIT_REPOSITORY, metadata(env, name, labels(call)), build_spec(call))
    if call.bool("export"):
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.apply import connect, upsert, wait_ready

    client = connect(env)
    env.log.generate("generating GitRepository source")
    if not call.str("secret-ref"):
        secret = login(env, call, url, name)
        if secret.get("stringData"):
            _configure_login(env, client, call, secret)
            obj["spec"]["secretRef"] = {"name": name}
    deadline = env.monotonic() + env.kube.timeout
    env.log.action("applying GitRepository source")
    upsert(env, client, GIT_REPOSITORY.resource, obj, "GitRepository source")
    env.log.waiting("waiting for GitRepository source reconciliation")
    ready = wait_ready(env, client, GIT_REPOSITORY.resource, obj, deadline)
    env.log.success("GitRepository source reconciliation completed")
    report_artifact(env, ready, "GitRepository source reconciliation completed but no artifact was found")
