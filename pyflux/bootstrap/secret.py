"""The secrets that bootstrap makes: the source's credentials, and the registry login."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyflux.errors import NotFound

if TYPE_CHECKING:
    from pyflux.bootstrap.plan import SecretOptions
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_LOGIN_KEYS = frozenset({"username", "password", "bearerToken", "identity", "identity.pub", "known_hosts"})


@dataclass(frozen=True)
class SourceSecret:
    """A secret's entries as text, and the public key in it; empty without one."""

    data: dict[str, str] = field(repr=False)
    public_key: str = ""


def source_secret(options: SecretOptions, *, algorithms: tuple[str, ...] = ()) -> SourceSecret:
    """The entries for `options`; makes a key pair and scans host keys where SSH is used. Raises GitError."""
    data: dict[str, str] = dict(options.github_app)
    by_login = bool(options.username and options.password)
    if by_login:
        data["username"] = options.username
        data["password"] = options.password
    if options.bearer_token:
        data["bearerToken"] = options.bearer_token
    if options.ca:
        data["ca.crt"] = options.ca.decode(errors="replace")
    if by_login or data.get("githubAppID") or not (options.private_key or options.key_algorithm):
        return SourceSecret(data)
    private, public = _key_pair(options)
    data["identity"] = private
    data["identity.pub"] = public
    data["known_hosts"] = "\n".join(_host_keys(options.ssh_host, algorithms))
    if options.password:
        data["password"] = options.password
    return SourceSecret(data, public.strip())


def _key_pair(options: SecretOptions) -> tuple[str, str]:
    if options.private_key:
        from pyflux.git.ssh import public_key

        return options.private_key.decode(), public_key(options.private_key, options.password)
    from pyflux.git.keys import generate_key

    pair = generate_key(options.key_algorithm, bits=options.rsa_bits, curve=options.ecdsa_curve)
    return pair.private_pem, pair.public_openssh


def _host_keys(host: str, algorithms: tuple[str, ...]) -> list[str]:
    from pyflux.git.ssh import scan_host_keys

    name, port = split_host(host)
    return scan_host_keys(name, port, algorithms=algorithms)


def split_host(text: str) -> tuple[str, int]:
    """Host and port of host, host:port or [host]:port; port 22 where none is given."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(port)
    return text.strip("[]"), 22


def apply_secret(client: Client, name: str, namespace: str, data: dict[str, str], kind: str = "") -> None:
    """Creates the secret or brings it up to date; entries of another way to log in are taken out."""
    from pyflux.catalog.resources import built_in

    resource = built_in("v1", "Secret")
    assert resource is not None
    wanted: Obj = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": data,
    }
    if kind:
        wanted["type"] = kind
    try:
        existing = client.get(resource, name, namespace)
    except NotFound:
        client.create(resource, wanted)
        return
    kept = {key: value for key, value in (existing.get("data") or {}).items() if key not in _LOGIN_KEYS - data.keys()}
    existing["data"] = kept
    existing["stringData"] = data
    client.replace(resource, existing)


def pull_secret(registry: str, user: str, password: str) -> dict[str, str]:
    """The entries of an image pull secret."""
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    auths = {registry: {"username": user, "password": password, "auth": login}}
    return {".dockerconfigjson": json.dumps({"auths": auths}, separators=(",", ":"))}
