"""The few requests of S3 that reading a bucket takes, signed, with retries and a deadline over all of them.

One client may be used by many threads at once.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pyflux.s3 import listing, network
from pyflux.s3.endpoint import DEFAULT_REGION, name_error
from pyflux.s3.errors import S3Error
from pyflux.s3.sign import encoded, query_string, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pyflux.s3.access import Access

EXPIRED = "context deadline exceeded"
CONNECTIONS = 16
_TRIES = 6
_BODY_LIMIT = 16 << 20
_PIECE = 1 << 18
_PATIENCE = 30.0
"""Seconds for a connection, and for one piece of an answer."""
_RETRIED = frozenset((408, 429, 499, 500, 502, 503, 504, 520))
_RETRIED_CODES = frozenset(
    ("RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded", "InternalError", "SlowDown")
)
_ELSEWHERE = frozenset(("AuthorizationHeaderMalformed", "InvalidRegion", "AccessDenied"))
"""Errors that can mean that the bucket is in another region."""
_BY_STATUS = {
    403: ("AccessDenied", "Access Denied."),
    412: ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold."),
}
_NOT_THERE = {
    True: ("NoSuchKey", "The specified key does not exist."),
    False: ("NoSuchBucket", "The specified bucket does not exist."),
}


class Answer(NamedTuple):
    """What a storage answered; `body` is empty where a sink got it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Passing(Exception):
    """Not an answer, but one may come when asked again."""


class Client:
    """A storage. `begin` says how many seconds what follows may take; all calls raise S3Error."""

    def __init__(
        self,
        access: Access,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._access = access
        self._endpoint = access.endpoint
        self._fixed = access.region or access.endpoint.region
        self._regions: dict[str, str] = {}
        self._lock = threading.Lock()
        self._monotonic = monotonic
        self._sleep = sleep
        self._deadline = monotonic() + 60.0
        self._connections = network.connections(access, CONNECTIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connections.clear()

    def begin(self, seconds: float) -> None:
        self._deadline = self._monotonic() + seconds

    def _left(self, most: float = _PATIENCE) -> float:
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise S3Error(EXPIRED)
        return min(left, most)

    # -- what there is

    def exists(self, bucket: str) -> bool:
        """Whether there is a bucket that may be read."""
        wrong = name_error(bucket)
        if wrong:
            raise S3Error(wrong)
        try:
            self._send("HEAD", bucket)
        except S3Error as why:
            if why.code == "NoSuchBucket":
                return False
            raise
        return True

    def objects(self, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
        """The key and etag of every object whose key begins with `prefix`."""
        token = ""
        while True:
            query = [("list-type", "2"), ("encoding-type", "url"), ("prefix", prefix)]
            if token:
                query.append(("continuation-token", token))
            found = listing.page(self._send("GET", bucket, query=query).body)
            yield from found.objects
            if not found.token:
                return
            if found.token == token or not found.objects:
                raise S3Error("the storage's listing does not end")
            token = found.token

    def read(self, bucket: str, key: str, start: Callable[[], Callable[[bytes], object]]) -> str:
        """Reads an object; its etag. `start` is called before each attempt and gives where the bytes go.

        S3Error has the code NoSuchKey for an object that is not there.
        """
        answer = self._send("GET", bucket, key, start=start)
        return listing.trimmed(answer.headers.get("ETag", ""))

    # -- requests

    def _region(self, bucket: str) -> str:
        """The region of a bucket: said by the user or by the endpoint's name, or by the storage."""
        if self._fixed:
            return self._fixed
        with self._lock:
            known = self._regions.get(bucket)
            if known is None:
                known = self._regions[bucket] = self._ask_region(bucket)
            return known

    def _ask_region(self, bucket: str) -> str:
        try:
            answer = self._tried("GET", bucket, "", [("location", "")], None, DEFAULT_REGION)
        except S3Error as why:
            if why.code in (*_ELSEWHERE, "NotImplemented"):
                # whoever may not ask may still be allowed to read
                return why.region or DEFAULT_REGION
            raise
        return listing.location(answer.body)

    def _send(
        self,
        method: str,
        bucket: str,
        key: str = "",
        *,
        query: Sequence[tuple[str, str]] = (),
        start: Callable[[], Callable[[bytes], object]] | None = None,
    ) -> Answer:
        region = self._region(bucket)
        try:
            return self._tried(method, bucket, key, query, start, region)
        except S3Error as why:
            if self._fixed or why.code not in _ELSEWHERE or why.region in ("", region):
                raise
            with self._lock:
                self._regions[bucket] = why.region
            return self._tried(method, bucket, key, query, start, why.region)

    def _tried(
        self,
        method: str,
        bucket: str,
        key: str,
        query: Sequence[tuple[str, str]],
        start: Callable[[], Callable[[bytes], object]] | None,
        region: str,
    ) -> Answer:
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self._once(method, bucket, key, query_string(query), start() if start else None, region)
            except _Passing as why:
                if attempt == _TRIES:
                    raise S3Error(str(why)) from None
            else:
                if answer.status == 200:
                    return answer
                error = _error(answer, key)
                if attempt == _TRIES or not (answer.status in _RETRIED or error.code in _RETRIED_CODES):
                    raise error
            pause = min(0.2 * 2**attempt, 2.0) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
            self._sleep(self._left(pause))
        raise AssertionError("unreachable")

    def _once(
        self, method: str, bucket: str, key: str, query: str, sink: Callable[[bytes], object] | None, region: str
    ) -> Answer:
        import urllib3
        from urllib3.exceptions import HTTPError
        from urllib3.exceptions import TimeoutError as TooSlow

        endpoint = self._endpoint
        host, path = endpoint.place(bucket, key, region)
        headers = {"Host": endpoint.authority(host)}
        if self._access.keys is not None:
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            headers = signed(method, path, query, headers, self._access.keys, region, stamp)
        headers |= {"User-Agent": "pyflux", "Accept-Encoding": "identity"}
        url = f"{endpoint.scheme}://{headers['Host']}{path}"
        target = path + (f"?{query}" if query else "")
        if self._access.proxy and endpoint.scheme == "http":
            target = f"{endpoint.scheme}://{headers['Host']}{target}"
        response = None
        try:
            pool = self._connections.connection_from_host(host, endpoint.port or None, endpoint.scheme)
            response = pool.urlopen(
                method,
                target,
                headers=headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=self._left(), read=self._left()),
            )
            body = self._body(response, sink if response.status == 200 else None)
        except BaseException as why:
            if response is not None:
                response.close()
            if not isinstance(why, HTTPError):
                raise
            if isinstance(why, TooSlow) and self._monotonic() >= self._deadline:
                raise S3Error(EXPIRED) from None
            text = f'{method.capitalize()} "{url}": {network.cause(why, host, endpoint.port)}'
            raise (S3Error if network.is_lasting(why) else _Passing)(text) from None
        response.release_conn()
        return Answer(response.status, response.headers, body)

    def _body(self, response: Any, sink: Callable[[bytes], object] | None) -> bytes:
        """Reads piece by piece, so that an answer that comes slowly is given up in time."""
        pieces: list[bytes] = []
        total = 0
        while piece := response.read1(_PIECE):
            self._left()
            total += len(piece)
            if sink is not None:
                sink(piece)
                continue
            if total > _BODY_LIMIT:
                raise S3Error(f"the storage's answer is larger than {_BODY_LIMIT >> 20} MiB")
            pieces.append(piece)
        return b"".join(pieces)


def _error(answer: Answer, key: str) -> S3Error:
    """An answer as an error, in the storage's words where it has any."""
    headers = answer.headers
    said = listing.problem(answer.body)
    code, message = said.get("Code", ""), said.get("Message", "")
    if not code:
        status = answer.status
        known = _NOT_THERE[bool(key)] if status == 404 else _BY_STATUS.get(status)
        code, message = known or ("", f"the storage answers with the HTTP status {status}")
    code = headers.get("x-minio-error-code") or code
    message = (headers.get("x-minio-error-desc") or "").strip('"') or message or f"Error response code {code}."
    region = said.get("Region") or headers.get("x-amz-bucket-region") or ""
    if code == "InvalidRegion" and region:
        message = f"Region does not match, expecting region ‘{region}’."
    return S3Error(" ".join(message.split())[:1024], code=code, region=encoded(region))
