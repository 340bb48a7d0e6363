"""Who asks: bearer tokens and impersonation headers."""

from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pyflux.sandbox.api.http import User
from pyflux.sandbox.rbac import Attributes, allowed, refusal
from pyflux.sandbox.status import ApiError, Obj

if TYPE_CHECKING:
    from pyflux.sandbox.engine import Engine

ADMIN = User("kubernetes-admin", ("system:masters", "system:authenticated"))
_SECRETS: dict[int, bytes] = {}


def unauthorized() -> ApiError:
    """401."""
    return ApiError(401, "Unauthorized")


def set_secret(engine: Engine, secret: str) -> None:
    """The key that service account tokens are signed with."""
    _SECRETS[id(engine)] = secret.encode()


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def issue_token(engine: Engine, account: Obj, seconds: int) -> tuple[str, str]:
    """A signed token for a service account, and when it expires."""
    meta = account["metadata"]
    until = int(time.time()) + seconds
    claims = {
        "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
        "uid": meta["uid"],
        "exp": until,
        "iss": "https://kubernetes.default.svc",
    }
    body = _encode(b'{"alg":"HS256"}') + "." + _encode(json.dumps(claims).encode())
    signature = hmac.new(_SECRETS.get(id(engine), b""), body.encode(), sha256).digest()
    expires = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return body + "." + _encode(signature), expires


def _service_account(engine: Engine, token: str) -> User | None:
    parts = token.split(".")
    secret = _SECRETS.get(id(engine))
    if len(parts) != 3 or not secret:
        return None
    signature = hmac.new(secret, f"{parts[0]}.{parts[1]}".encode(), sha256).digest()
    if not hmac.compare_digest(_encode(signature).encode(), parts[2].encode()):
        return None
    claims = json.loads(urlsafe_b64decode(parts[1] + "=="))
    if claims["exp"] < time.time():
        return None
    _, _, namespace, name = claims["sub"].split(":")
    account = engine.find("/serviceaccounts", namespace, name)
    if account is None or account["metadata"]["uid"] != claims["uid"]:
        return None
    return service_account_user(namespace, name, claims["uid"])


def service_account_user(namespace: str, name: str, uid: str = "") -> User:
    """The user that a service account is."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return User(f"system:serviceaccount:{namespace}:{name}", groups, uid)


def authenticate(engine: Engine, token: str, headers: list[tuple[str, str]]) -> User:
    """The user of a request, impersonated or not; ApiError 401 or 403."""
    given = ""
    for name, value in headers:
        if name == "authorization" and value.lower().startswith("bearer "):
            given = value[7:].strip()
    if not given:
        raise unauthorized()
    # as bytes: a header may hold any
    if hmac.compare_digest(given.encode(), token.encode()):
        user = ADMIN
    else:
        found = _service_account(engine, given)
        if found is None:
            raise unauthorized()
        user = found
    return _impersonated(engine, user, headers)


def _impersonated(engine: Engine, user: User, headers: list[tuple[str, str]]) -> User:
    name, uid = "", ""
    groups: list[str] = []
    extra: dict[str, list[str]] = {}
    for key, value in headers:
        if key == "impersonate-user":
            name = value
        elif key == "impersonate-group":
            groups.append(value)
        elif key == "impersonate-uid":
            uid = value
        elif key.startswith("impersonate-extra-"):
            extra.setdefault(unquote(key[18:]).lower(), []).append(value)
    if not name:
        if groups or extra or uid:
            raise ApiError(400, "groups, extra fields or a uid are impersonated without a user")
        return user
    _may_impersonate(engine, user, name, groups)
    if name.startswith("system:serviceaccount:") and name.count(":") == 3:
        _, _, namespace, account = name.split(":")
        made = service_account_user(namespace, account, uid)
        given = tuple(groups) or made.groups
        return User(name, _authenticated(given), uid, _extra(extra))
    return User(name, _authenticated(tuple(groups)), uid, _extra(extra))


def _authenticated(groups: tuple[str, ...]) -> tuple[str, ...]:
    if "system:authenticated" in groups or "system:unauthenticated" in groups:
        return groups
    return (*groups, "system:authenticated")


def _extra(extra: dict[str, list[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((k, tuple(v)) for k, v in sorted(extra.items()))


def _may_impersonate(engine: Engine, user: User, name: str, groups: list[str]) -> None:
    wanted = []
    if name.startswith("system:serviceaccount:") and name.count(":") == 3:
        _, _, namespace, account = name.split(":")
        wanted.append(Attributes("impersonate", "", "serviceaccounts", "", namespace, account))
    else:
        wanted.append(Attributes("impersonate", "", "users", "", "", name))
    wanted += [Attributes("impersonate", "", "groups", "", "", g) for g in groups]
    for attributes in wanted:
        if not allowed(engine, user, attributes):
            raise refusal(user, attributes)
