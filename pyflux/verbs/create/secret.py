"""`create secret …`: reads what the options name, and prints or applies the secret."""

from __future__ import annotations

from pyflux.catalog.gotext import check_reference, parse_url
from pyflux.errors import UsageError
from pyflux.ui.yamlout import dump
from pyflux.verbs.create import secret_build as build
from pyflux.verbs.create.common import labels, metadata, object_name, read_file, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]

_CA = "unable to read TLS CA file"


def _finish(env: Env, call: Call, obj: Obj, called: str, *, spaced: bool = True) -> None:
    """Prints the secret, or applies it and says so."""
    if call.bool("export"):
        env.write(f"---\n{dump(obj)}" + ("\n" if spaced else ""))
        return
    from pyflux.verbs.create.apply import connect
    from pyflux.verbs.create.secret_apply import upsert_secret

    public = obj.get("stringData", {}).get("identity.pub")
    if public:
        env.log.generate(f"deploy key: {public}")
    upsert_secret(connect(env), obj)
    meta = obj["metadata"]
    env.log.action(f"{called} secret '{meta['name']}' created in '{env.kube.namespace}' namespace")


def _optional(path: str, failing: str) -> bytes:
    return read_file(path, failing) if path else b""


def git(env: Env, call: Call) -> None:
    """`create secret git`."""
    name = object_name(call)
    if not call.str("url"):
        raise UsageError("url is required")
    try:
        url = parse_url(call.str("url"))
    except ValueError as why:
        raise UsageError(f"git URL parse failed: {why}") from None
    meta = metadata(env, name, labels(call))
    username, password, token = call.str("username"), call.str("password"), call.str("bearer-token")
    if url.scheme == "ssh":
        from pyflux.verbs.create.deploy_key import key_pair, known_hosts

        pair = key_pair(call)
        obj = build.git(meta, password=password, key=pair, known_hosts=known_hosts(url.host))
    elif url.scheme in ("http", "https"):
        if not (username and password) and not token:
            raise UsageError("for Git over HTTP/S the username and password, or a bearer token is required")
        if username and password and token:
            raise UsageError("user credentials and bearer token cannot be used together")
        obj = build.git(
            meta,
            username=username,
            password=password,
            bearer_token=token,
            ca_crt=_optional(call.str("ca-crt-file"), _CA),
        )
    else:
        raise UsageError(f"git URL scheme '{url.scheme}' not supported, can be: ssh, http and https")
    _finish(env, call, obj, "git")


def githubapp(env: Env, call: Call) -> None:
    """`create secret githubapp`."""
    name = object_name(call)
    key = read_text(call.str("app-private-key"), "unable to read private key file")
    obj = build.github_app(
        metadata(env, name, {}),
        app=call.str("app-id"),
        key=key,
        owner=call.str("app-installation-owner"),
        installation=call.str("app-installation-id"),
        base_url=call.str("app-base-url"),
    )
    _finish(env, call, obj, "githubapp")


def helm(env: Env, call: Call) -> None:
    """`create secret helm`."""
    name = object_name(call)
    meta = metadata(env, name, labels(call))
    ca_crt = _optional(call.str("ca-crt-file"), _CA)
    obj = build.helm(
        meta,
        username=call.str("username"),
        password=call.str("password"),
        certificate=_optional(call.str("tls-crt-file"), "failed to read cert file"),
        key=_optional(call.str("tls-key-file"), "failed to read key file"),
        ca_crt=ca_crt,
    )
    _finish(env, call, obj, "helm")


def notation(env: Env, call: Call) -> None:
    """`create secret notation`."""
    from pyflux.verbs.create.trust_policy import check_policy, read_certificates

    name = object_name(call)
    if not call.strings("ca-cert-file"):
        raise UsageError("--ca-cert-file is required")
    path = call.str("trust-policy-file")
    if not path:
        raise UsageError("--trust-policy-file is required")
    meta = metadata(env, name, labels(call))
    policy = read_file(path, "unable to read trust policy file")
    check_policy(path, policy)
    obj = build.notation(meta, read_certificates(call.strings("ca-cert-file")), policy)
    _finish(env, call, obj, "notation configuration")


def oci(env: Env, call: Call) -> None:
    """`create secret oci`."""
    name = object_name(call)
    for flag in ("url", "username", "password"):
        if not call.str(flag):
            raise UsageError(f"--{flag} is required")
    try:
        check_reference(call.str("url"))
    except ValueError as why:
        raise UsageError(f"error parsing url: '{why}'") from None
    obj = build.docker_config(
        metadata(env, name, {}),
        registry=call.str("url"),
        username=call.str("username"),
        password=call.str("password"),
    )
    _finish(env, call, obj, "oci")


def proxy(env: Env, call: Call) -> None:
    """`create secret proxy`."""
    name = object_name(call)
    meta = metadata(env, name, labels(call))
    address = call.str("address")
    if not address:
        raise UsageError("address is required")
    try:
        parse_url(address)
    except ValueError as why:
        raise UsageError(f"invalid proxy address: {why}") from None
    obj = build.proxy(meta, address=address, username=call.str("username"), password=call.str("password"))
    _finish(env, call, obj, "proxy")


def receiver(env: Env, call: Call) -> None:
    """`create secret receiver`."""
    name = object_name(call)
    kind = call.str("type")
    for flag, value in (("type", kind), ("hostname", call.str("hostname"))):
        if not value:
            raise UsageError(f"--{flag} is required")
    if kind == "gcr" and not call.str("email-claim"):
        raise UsageError("--email-claim is required for gcr receiver type")
    import secrets

    obj = build.receiver(
        metadata(env, name, labels(call)),
        kind=kind,
        token=call.str("token") or secrets.token_hex(32),
        hostname=call.str("hostname"),
        email=call.str("email-claim"),
        audience=call.str("audience-claim"),
    )
    _finish(env, call, obj, "receiver")


def tls(env: Env, call: Call) -> None:
    """`create secret tls`."""
    name = object_name(call)
    meta = metadata(env, name, labels(call))
    ca_crt = _optional(call.str("ca-crt-file"), _CA)
    certificate = _optional(call.str("tls-crt-file"), "failed to read cert file")
    key = _optional(call.str("tls-key-file"), "failed to read key file")
    obj = build.tls(meta, certificate=certificate, key=key, ca_crt=ca_crt)
    _finish(env, call, obj, "tls", spaced=False)
