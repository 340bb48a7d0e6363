"""How a Bucket's storage is entered: its spec and Secrets, read the way source-controller reads them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pyflux.controllers.source.gitauth import read_secret
from pyflux.controllers.source.outcome import FETCH_FAILED, SourceFailed, SourceStalled
from pyflux.errors import KubeError
from pyflux.s3 import access
from pyflux.s3.endpoint import parse
from pyflux.s3.errors import AccessError

if TYPE_CHECKING:
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_KEY_PROVIDERS = ("generic", "aws")
"""Providers whose storage takes the keys of a Secret."""


def bucket_access(client: Client, obj: Obj) -> access.Access:
    """What the spec says about the way to the storage. Raises SourceFailed."""
    spec = obj["spec"]
    _check_provider(spec)
    login = _secret(client, obj, "secretRef", "failed to get secret '{title}': {why}")
    proxy = _secret(client, obj, "proxySecretRef", "failed to get proxy URL: {why}")
    trust = _secret(client, obj, "certSecretRef", "failed to get TLS config: {why}")
    try:
        proxy_url = access.proxy_of(_title(obj, "proxySecretRef"), proxy) if proxy is not None else ""
    except AccessError as why:
        raise _failed(f"failed to get proxy URL: {why.message}") from None
    try:
        context = access.context_of(_title(obj, "certSecretRef"), trust) if trust is not None else None
    except AccessError as why:
        raise _failed(f"failed to get TLS config: {why.message}") from None
    try:
        keys = access.keys_of(spec["secretRef"]["name"], login) if login is not None else None
        endpoint = parse(spec["endpoint"], secure=not spec.get("insecure"))
    except AccessError as why:
        raise _failed(why.message) from None
    proxy_url = proxy_url or access.proxy_for(endpoint, os.environ)
    return access.Access(endpoint, str(spec.get("region") or ""), keys, context, proxy_url)


def _check_provider(spec: Obj) -> None:
    """Raises SourceStalled for what only a login at a cloud opens, or a token service."""
    provider = spec.get("provider") or "generic"
    if provider not in _KEY_PROVIDERS or (provider == "aws" and not spec.get("secretRef")):
        raise SourceStalled(
            FETCH_FAILED,
            "AuthenticationFailed",
            f"failed to get credential from '{provider}': pyflux's controllers do not log in at cloud providers",
        )
    sts = spec.get("sts")
    if sts and not spec.get("secretRef"):
        text = f"STS provider '{sts.get('provider')}' is not supported by pyflux's controllers"
        raise SourceStalled(FETCH_FAILED, "InvalidSTSConfiguration", text)


def _failed(text: str) -> SourceFailed:
    return SourceFailed(FETCH_FAILED, "AuthenticationFailed", text)


def _title(obj: Obj, field: str) -> str:
    return f"{obj['metadata']['namespace']}/{obj['spec'][field]['name']}"


def _secret(client: Client, obj: Obj, field: str, text: str) -> dict[str, bytes] | None:
    """The Secret that a field names; None where it names none. Raises SourceFailed."""
    if not obj["spec"].get(field):
        return None
    try:
        return read_secret(client, obj["spec"][field]["name"], obj["metadata"]["namespace"])
    except KubeError as why:
        raise _failed(text.format(title=_title(obj, field), why=why)) from None
