"""A small JSON-over-HTTPS client for hosting services: retries, rate limits, pages, and errors in one line."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pyflux.errors import PyfluxError
from pyflux.git import urls
from pyflux.git.auth import Auth
from pyflux.git.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0
_ATTEMPTS = 4
_LONGEST_WAIT = 60.0
"""Seconds to wait for a rate limit; a longer one is an error that says when it ends."""
_BUSY = frozenset({500, 502, 503, 504})
_MAX_PAGES = 200
_MAX_BODY = 32 << 20
_NO_JSON = object()
"""Stands for the data of an answer that is something else, such as a page for people."""


class ApiError(PyfluxError):
    """The service said no. `status` is the HTTP status; 0 where there was no answer."""

    def __init__(self, message: str, *, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status

    @property
    def transient(self) -> bool:
        """True where the request may or may not have had its effect, or may have later."""
        return self.status == 0 or self.status in _BUSY


@dataclass(frozen=True)
class Answer:
    """A service's answer; header names in lower case."""

    status: int
    data: Any
    headers: dict[str, str] = field(default_factory=dict)


class Rest:
    """One service. `headers` carry the login; `secrets` never show up in a message."""

    def __init__(
        self,
        title: str,
        base: str,
        headers: dict[str, str],
        *,
        ca: bytes = b"",
        secrets: tuple[str, ...] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.title = title
        self.base = base.rstrip("/")
        self.headers = {"User-Agent": "pyflux", "Accept": "application/json", **headers}
        self._secrets = secrets
        self._sleep = sleep
        self._url = urls.parse(self.base)
        self._auth = Auth(ca=ca)
        self._pool: Any = None

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        what: str,
        needs: str = "",
        absent: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Sends one request and returns the answer. Raises ApiError.

        `what` says in messages what was being done ("creating the repository acme/fleet"), `needs` which scope or
        setting allows it. With `absent`, a 404 is an answer like any other. A POST is repeated only where the
        service says that it did nothing.
        """
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            try:
                answer = self._send(method, path, body, query, headers)
            except GitError as why:
                if why.transient and not last and method != "POST":
                    self._sleep(0.5 * 2**attempt)
                    continue
                raise ApiError(f"{what}: {self._hide(why.message)}", hint=why.hint) from None
            wait = self._pause(answer, method, attempt)
            if wait is None or last:
                break
            if wait > _LONGEST_WAIT:
                minutes = int(wait // 60) + 1
                raise ApiError(
                    f"{what}: the rate limit of {self.title} is used up for {minutes} minutes",
                    status=answer.status,
                    hint="run the command again then; what is done stays done",
                )
            self._sleep(wait)
        if answer.status < 300 or (absent and answer.status == 404):
            if answer.data is _NO_JSON and answer.status < 300:
                raise ApiError(
                    f"{what}: {self.title} at {self._url.shown} answers with a page instead of data",
                    status=answer.status,
                    hint="check the host name: a login page or another site may be in its place",
                )
            return answer
        raise self._refusal(answer, what, needs)

    def pages(self, path: str, *, query: dict[str, Any] | None = None, what: str, needs: str = "") -> Iterator[Any]:
        """The entries of a list that may have many pages (RFC 8288 links)."""
        answer = self.call("GET", path, query={"per_page": 100, "limit": 50, **(query or {})}, what=what, needs=needs)
        for _ in range(_MAX_PAGES):
            yield from answer.data or []
            following = _next_link(answer.headers.get("link", ""))
            if not following.startswith(self.base):
                return
            answer = self.call("GET", following[len(self.base) :], what=what, needs=needs)

    def _send(
        self, method: str, path: str, body: Any, query: dict[str, Any] | None, headers: dict[str, str] | None
    ) -> Answer:
        import urllib3

        from pyflux.git.connections import network_error, pool

        if self._pool is None:
            self._pool = pool(self._url, self._auth, urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT))
        address = self.base + path + (f"?{urlencode(query)}" if query else "")
        sent = {**self.headers, **(headers or {})}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        try:
            found = self._pool.request(
                method, address, body=data, headers=sent, redirect=method == "GET", preload_content=False
            )
            try:
                raw = found.read(_MAX_BODY)
            finally:
                found.release_conn()
        except urllib3.exceptions.HTTPError as why:
            raise network_error(self._url, why) from None
        names = {name.lower(): value for name, value in found.headers.items()}
        return Answer(found.status, _json(raw), names)

    def _pause(self, answer: Answer, method: str, attempt: int) -> float | None:
        """Seconds to wait before trying again; None when the answer is final."""
        limited = answer.status == 429 or (
            answer.status == 403
            and (answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers)
        )
        if limited:
            return _retry_after(answer.headers, 2.0**attempt)
        if answer.status in _BUSY and (method != "POST" or answer.status == 503):
            return _retry_after(answer.headers, 0.5 * 2**attempt)
        return None

    def _hide(self, text: str) -> str:
        return urls.hide(text, self._secrets)

    def _refusal(self, answer: Answer, what: str, needs: str) -> ApiError:
        status = answer.status
        text = self._hide(_message(answer.data))
        detail = f": {text}" if text else ""
        if status == 401:
            return ApiError(
                f"{what}: {self.title} refused the token (401){detail}",
                status=status,
                hint="make a new token: this one is wrong, revoked or expired",
            )
        if status == 403:
            remedy = f"the token needs {needs}" if needs else "the token lacks a permission"
            return ApiError(f"{what}: {self.title} does not allow it (403){detail}", status=status, hint=remedy)
        if status == 404:
            remedy = "check owner and name; " + (f"the token needs {needs}" if needs else "the token may not see it")
            return ApiError(f"{what}: {self.title} does not find it (404){detail}", status=status, hint=remedy)
        if status in (400, 409, 422):
            return ApiError(f"{what}: {self.title} does not accept it ({status}){detail}", status=status)
        if status in _BUSY or status == 429:
            return ApiError(
                f"{what}: {self.title} is not able to answer now ({status}){detail}",
                status=status,
                hint="run the command again later; what is done stays done",
            )
        return ApiError(f"{what}: {self.title} answered with status {status}{detail}", status=status)


def _json(raw: bytes) -> Any:
    if not raw.strip():
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return _NO_JSON


def _message(data: Any) -> str:
    """The service's own words, on one line."""
    if not isinstance(data, dict):
        return ""
    found = data.get("message") or data.get("error_description") or data.get("error") or ""
    parts = [_flat(found)]
    for entry in data.get("errors") or []:
        if isinstance(entry, dict):
            text = entry.get("message") or " ".join(
                str(entry[key]) for key in ("resource", "field", "code") if entry.get(key)
            )
        else:
            text = str(entry)
        if text and text not in parts[0]:
            parts.append(str(text))
    return " ".join("; ".join(part for part in parts if part).split())[:500]


def _flat(found: Any) -> str:
    if isinstance(found, dict):
        return "; ".join(f"{key} {_flat(value)}" for key, value in found.items())
    if isinstance(found, list):
        return ", ".join(_flat(value) for value in found)
    return str(found)


def _retry_after(headers: dict[str, str], otherwise: float) -> float:
    text = headers.get("retry-after", "")
    if text.isdecimal():
        return float(text)
    reset = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset") or ""
    if reset.isdecimal() and headers.get("x-ratelimit-remaining", "0") == "0":
        return max(1.0, float(reset) - time.time())
    return otherwise


def _next_link(header: str) -> str:
    for part in header.split(","):
        address, _, attributes = part.partition(";")
        if 'rel="next"' in attributes:
            return address.strip().strip("<>")
    return ""
