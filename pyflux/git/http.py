"""Git over HTTP(S): dulwich's smart client on a connection pool of our own making.

Credentials travel in a header, only to the origin they were given for; certificates are always checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dulwich.client import Urllib3HttpGitClient
from dulwich.errors import GitProtocolError

from pyflux.git import deadline
from pyflux.git.connections import network_error, pool
from pyflux.git.errors import GitError, GitUnreachable, LoginRefused, RepositoryMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyflux.git.auth import Auth
    from pyflux.git.urls import RemoteUrl

CONNECT_TIMEOUT = 15.0
READ_TIMEOUT = 120.0
_PIECE = 1 << 16
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


class HttpClient(Urllib3HttpGitClient):
    """dulwich's client with our errors and with bearer tokens."""

    def __init__(self, url: RemoteUrl, auth: Auth) -> None:
        import urllib3

        self._where = url
        timeout = urllib3.Timeout(connect=deadline.left(CONNECT_TIMEOUT), read=deadline.left(READ_TIMEOUT))
        super().__init__(url.plain, pool_manager=pool(url, auth, timeout), quiet=True)
        header = authorization(url, auth)
        if header:
            self._auth_header = header
            self._auth_origin = self._origin(url.plain)

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,
    ) -> tuple[Any, Callable[[int], bytes]]:
        try:
            answer, read = super()._http_request(url, headers, data, raise_for_status=False)
        except GitProtocolError as why:
            raise network_error(self._where, why.__cause__ or why) from None
        if raise_for_status and answer.status != 200:
            status = answer.status
            answer.close()
            raise status_error(self._where, status)
        return answer, self._bounded(answer) if deadline.is_set() else read

    def _bounded(self, answer: Any) -> Callable[[int], bytes]:
        """Reads an answer piece by piece, so that one that comes slowly is given up in time."""
        from urllib3.exceptions import HTTPError

        def read(size: int | None = None) -> bytes:
            pieces: list[bytes] = []
            missing = -1 if size is None else size
            while missing:
                deadline.left(READ_TIMEOUT)
                try:
                    piece = answer.read1(missing if missing > 0 else _PIECE)
                except HTTPError as why:
                    raise network_error(self._where, why) from None
                if not piece:
                    break
                pieces.append(piece)
                missing -= len(piece) if missing > 0 else 0
            return b"".join(pieces)

        return read


def authorization(url: RemoteUrl, auth: Auth) -> str:
    """The Authorization header's value; empty without credentials."""
    from base64 import b64encode

    if auth.bearer_token:
        return f"Bearer {auth.bearer_token}"
    user, password = auth.username or url.username, auth.password or url.password
    if not user and not password:
        return ""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def status_error(url: RemoteUrl, status: int) -> GitError:
    """The error for an HTTP answer other than 200."""
    if status == 401:
        return LoginRefused(
            f"{url.shown} refused the login (401)", hint="check the user name and the password or token"
        )
    if status == 403:
        return LoginRefused(
            f"{url.shown} does not allow this to the login (403)",
            hint="the token needs read and write access to the repository",
        )
    if status == 404:
        return RepositoryMissing(
            f"there is no Git repository at {url.shown}, or the login may not see it (404)",
            hint="check the URL and the credentials",
        )
    if status == 407:
        return LoginRefused("the proxy refused the login (407)", hint="put user and password into the proxy's URL")
    if status in _BUSY:
        return GitUnreachable(f"{url.shown} is not able to answer now ({status})")
    return GitError(f"{url.shown} answered with HTTP status {status}")
