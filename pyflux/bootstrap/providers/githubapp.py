"""A GitHub App as the identity: its installation's short-lived token, and the secret for source-controller."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pyflux.bootstrap.providers.github import api_base
from pyflux.bootstrap.providers.rest import ApiError, Rest
from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    from collections.abc import Callable

_JWT_LIFE = 540
"""Seconds; GitHub takes at most ten minutes."""


@dataclass(frozen=True)
class AppIdentity:
    """A GitHub App and, once known, its installation."""

    app_id: str
    private_key: bytes = field(repr=False)
    installation_id: str = ""

    def secret(self, hostname: str) -> dict[str, str]:
        """The entries of source-controller's secret."""
        entries = {
            "githubAppID": self.app_id,
            "githubAppInstallationID": self.installation_id,
            "githubAppPrivateKey": self.private_key.decode(),
        }
        if hostname != "github.com":
            entries["githubAppBaseURL"] = api_base(hostname)
        return entries


def jwt(app_id: str, private_key: bytes, now: float) -> str:
    """The signed statement with which an App logs in. Raises PyfluxError when the key cannot sign."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(private_key, None)
    except (ValueError, TypeError):
        raise PyfluxError("the App's private key cannot be read: it must be PEM, without a passphrase") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise PyfluxError("the App's private key is not an RSA key", hint="download one at the App's page")
    # a minute back, for clocks that differ
    claims = {"iat": int(now) - 60, "exp": int(now) + _JWT_LIFE, "iss": app_id}
    text = b".".join(_encode(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    signature = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    return (text + b"." + _encode(signature)).decode()


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def log_in(
    identity: AppIdentity,
    hostname: str,
    owner: str,
    *,
    personal: bool,
    ca: bytes = b"",
    sleep: Callable[[float], None] = time.sleep,
    now: float | None = None,
    api: str = "",
) -> tuple[AppIdentity, str]:
    """The identity with its installation's id, and a token of that installation. Raises ApiError, PyfluxError."""
    statement = jwt(identity.app_id, identity.private_key, time.time() if now is None else now)
    headers = {
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "Authorization": f"Bearer {statement}",
    }
    rest = Rest("GitHub", api or api_base(hostname), headers, ca=ca, secrets=(statement,), sleep=sleep)
    installation = identity.installation_id or _installation(rest, owner, personal)
    path = f"/app/installations/{quote(installation, safe='')}/access_tokens"
    what = f"logging in as the GitHub App {identity.app_id}"
    answer: Any = rest.call("POST", path, {}, what=what).data
    return AppIdentity(identity.app_id, identity.private_key, installation), str(answer["token"])


def _installation(rest: Rest, owner: str, personal: bool) -> str:
    kind = "users" if personal else "orgs"
    path = f"/{kind}/{quote(owner, safe='')}/installation"
    answer = rest.call("GET", path, what=f"looking up the App's installation for {owner}", absent=True)
    if answer.status == 404:
        raise ApiError(
            f"the GitHub App is not installed for {owner}",
            status=404,
            hint="install it at the App's page, or pass --app-installation-id",
        )
    return str(answer.data["id"])
