"""`pyflux trigger receiver`: calls the webhook of a Receiver as the systems outside do."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from pyflux import FLUX_VERSION
from pyflux.catalog.duration import format_duration
from pyflux.errors import PyfluxError, TimedOut, UsageError

if TYPE_CHECKING:
    from pyflux.env import Call, Env

_GENERIC, _HMAC, _OIDC = "generic", "generic-hmac", "generic-oidc"
_TYPES = f"{_GENERIC}, {_HMAC}, {_OIDC}"
_PROVIDERS = ("github", "forgejo")
_AUDIENCE = "notification-controller"
_TOKEN_VARIABLE = "FLUX_TRIGGER_RECEIVER_OIDC_TOKEN"  # noqa: S105 - a name, no secret
_REQUEST_URL, _REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
_RETRIED = frozenset((404, 408, 429, 500, 502, 503, 504))
_LARGEST = 1 << 20
"""Bytes of an answer that are read; it is only shown."""


class _Refused(PyfluxError):
    """One attempt failed; `again` says whether another one may help."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


def webhook_path(token: str, name: str, namespace: str) -> str:
    """The path on which the notification controller listens for a Receiver."""
    return "/hook/" + hashlib.sha256(f"{token}{name}{namespace}".encode()).hexdigest()


def signature(token: str, payload: bytes) -> str:
    """The X-Signature header of a generic-hmac Receiver."""
    return "sha256=" + hmac.new(token.encode(), payload, hashlib.sha256).hexdigest()


def run_receiver(env: Env, call: Call) -> None:
    """`trigger receiver name`. Raises PyfluxError."""
    base = call.str("url")
    if not base:
        raise UsageError("--url is required")
    _check(call)
    deadline = env.monotonic() + env.kube.timeout
    name, namespace, kind = call.args[0], env.kube.namespace, call.str("type")
    # a receiver that logs in with OIDC has no secret
    token = "" if kind == _OIDC else call.str("token")
    url = base.rstrip("/") + webhook_path(token, name, namespace)
    payload = call.str("payload").encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"flux/v{FLUX_VERSION}"}
    if kind == _HMAC:
        headers["X-Signature"] = signature(token, payload)
    elif kind == _OIDC:
        headers["Authorization"] = f"Bearer {_oidc_token(env, call, deadline)}"
    env.log.action(f"triggering Receiver {namespace}/{name}")
    retries, delay = call.int("retries"), call.seconds("retry-delay")
    attempt = 0
    while True:
        left = deadline - env.monotonic()
        if left <= 0:
            raise TimedOut("context deadline exceeded")
        try:
            _send(url, payload, headers, left)
        except _Refused as error:
            if not error.again or attempt >= retries:
                raise
            attempt += 1
            pause = format_duration(call.duration("retry-delay"))
            env.log.waiting(f"{error.message}; retrying in {pause} ({attempt}/{retries})")
            env.sleep(min(delay, max(0.0, deadline - env.monotonic())))
            continue
        env.log.success(f"Receiver {namespace}/{name} triggered")
        return


def _check(call: Call) -> None:
    """Raises UsageError where the flags do not go together."""
    kind, token = call.str("type"), call.str("token")
    provider, oidc_token, audience = (call.str(f"oidc-{what}") for what in ("provider", "token", "audience"))
    if kind not in (_GENERIC, _HMAC, _OIDC):
        raise UsageError(f'invalid --type "{kind}", must be one of: {_TYPES}')
    if kind != _OIDC:
        if not token:
            raise UsageError(f"--token is required for --type={kind}")
        if provider or oidc_token or audience:
            raise UsageError(f"--oidc-provider, --oidc-token and --oidc-audience can only be set for --type={_OIDC}")
        return
    if token:
        raise UsageError(f"--token must not be set for --type={_OIDC}, the Receiver of this type has no secret")
    if provider and oidc_token:
        raise UsageError("--oidc-provider and --oidc-token are mutually exclusive")
    if provider and provider not in _PROVIDERS:
        raise UsageError(f'invalid --oidc-provider "{provider}", must be one of: {", ".join(_PROVIDERS)}')
    if audience and not provider:
        raise UsageError("--oidc-audience can only be set together with --oidc-provider")


def _http(url: str) -> str:
    """The address, which must be a web address: urlopen would open files, too. Raises UsageError."""
    if urlsplit(url).scheme.lower() not in ("http", "https"):
        raise UsageError(f'unsupported address "{url}", expected http:// or https://')
    return url


def _send(url: str, payload: bytes, headers: dict[str, str], timeout: float) -> None:
    request = Request(_http(url), data=payload, headers=headers, method="POST")  # noqa: S310 - checked by _http
    try:
        with urlopen(request, timeout=timeout) as answer:  # noqa: S310 - checked by _http
            answer.read(_LARGEST)
    except HTTPError as error:
        text = error.read(_LARGEST).decode("utf-8", "replace").strip()
        more = f": {text}" if text else ""
        raise _Refused(
            f"request to {url} failed with status {error.code} {error.reason}{more}", again=error.code in _RETRIED
        ) from None
    except (URLError, OSError) as error:
        raise _Refused(f'request to {url} failed: Post "{url}": {_why(url, error)}', again=True) from None


def _why(url: str, error: Exception) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    if isinstance(reason, ConnectionRefusedError):
        return f"dial tcp {where}: connect: connection refused"
    if isinstance(reason, TimeoutError):
        return "context deadline exceeded"
    return str(reason)


def _oidc_token(env: Env, call: Call, deadline: float) -> str:
    if call.str("oidc-provider"):
        return _fetch_token(env, call.str("oidc-audience") or _AUDIENCE, deadline)
    token = call.str("oidc-token") or env.environ.get(_TOKEN_VARIABLE, "")
    if not token:
        raise UsageError(
            f"no OIDC token provided: set --oidc-provider, --oidc-token or the {_TOKEN_VARIABLE} environment variable"
        )
    return token


def _fetch_token(env: Env, audience: str, deadline: float) -> str:
    """Asks the CI system that this runs in for a token. Raises PyfluxError."""
    url, login = env.environ.get(_REQUEST_URL, ""), env.environ.get(_REQUEST_TOKEN, "")
    if not url or not login:
        raise UsageError(
            f"{_REQUEST_URL} and {_REQUEST_TOKEN} must be set in the environment; "
            "ensure the Actions job has the 'id-token: write' permission"
        )
    parts = urlsplit(_http(url))
    query = [(key, value) for key, value in parse_qsl(parts.query) if key != "audience"]
    asked = urlunsplit(parts._replace(query=urlencode([*query, ("audience", audience)])))
    request = Request(asked, headers={"Authorization": f"bearer {login}"})  # noqa: S310 - checked by _http
    try:
        with urlopen(request, timeout=max(1.0, deadline - env.monotonic())) as answer:  # noqa: S310
            body = answer.read(_LARGEST)
    except HTTPError as error:
        text = error.read(_LARGEST).decode("utf-8", "replace").strip()
        raise PyfluxError(f"OIDC token request failed with status {error.code} {error.reason}: {text}") from None
    except (URLError, OSError) as error:
        raise PyfluxError(f"OIDC token request failed: {_why(url, error)}") from None
    try:
        token = json.loads(body).get("value")
    except (ValueError, AttributeError) as error:
        raise PyfluxError(f"failed to decode OIDC token response: {error}") from None
    if not isinstance(token, str) or not token:
        raise PyfluxError("the OIDC token response did not contain a token")
    return token
