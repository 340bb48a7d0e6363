"""A client of the distribution API for one repository: manifests, blobs, tags, and the login they need."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from pyflux.oci import challenge
from pyflux.oci.errors import OciError, RegistryError, RegistryUnreachable
from pyflux.oci.reference import may_be_plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any

    from pyflux.oci.credentials import Credentials
    from pyflux.oci.reference import Reference
    from pyflux.oci.transport import Answer, Transport

PULL = "pull"
PUSH = "push,pull"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEXES = ("application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json")
_ACCEPTED = ",".join(
    (
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v2+json",
        MANIFEST,
        *INDEXES,
    )
)
_CHUNK = 8 << 20
_REDIRECTS = (301, 302, 303, 307, 308)


class Manifest:
    """A manifest as the registry has it: raw bytes, their digest and media type, and what they say."""

    __slots__ = ("digest", "media_type", "raw")

    def __init__(self, raw: bytes, media_type: str) -> None:
        self.raw = raw
        self.media_type = media_type
        self.digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"

    def content(self) -> dict[str, Any]:
        """The manifest's JSON. Raises OciError."""
        try:
            found = json.loads(self.raw)
        except ValueError as why:
            raise OciError(f"parsing manifest failed: {why}") from why
        if not isinstance(found, dict):
            raise OciError("parsing manifest failed: not a JSON object")
        return found


class Repository:
    """One repository of a registry. Nothing is sent before the first call."""

    def __init__(
        self,
        reference: Reference,
        transport: Transport,
        credentials: Credentials,
        *,
        actions: str = PULL,
        plain: bool = False,
    ) -> None:
        self._registry = reference.registry
        self._repository = reference.repository
        self._transport = transport
        self._credentials = credentials
        self._scopes = [f"repository:{reference.repository}:{actions}"]
        self._plain = plain or may_be_plain(reference.registry)
        self._scheme = ""
        self._login = ""
        self._challenge: tuple[str, dict[str, str]] = ("", {})

    def login(self) -> None:
        """Asks the registry how to log in, and does. Raises OciError."""
        if self._scheme:
            return
        answer = self._ping()
        self._scheme = urlsplit(answer.url).scheme
        if answer.status == 401:
            self._challenge = challenge.pick(answer.headers.get_all("WWW-Authenticate") or [])
        if self._challenge[0] == "bearer":
            self._exchange()
        else:
            self._login = self._credentials.header()

    def _ping(self) -> Answer:
        failures = []
        for scheme in ("https", "http") if self._plain else ("https",):
            # the first may not be what the registry speaks: one try, as the second is at hand
            tries = 1 if self._plain and scheme == "https" else 4
            try:
                answer = self._transport.send("GET", f"{scheme}://{self._registry}/v2/", tries=tries)
            except RegistryUnreachable as why:
                failures.append(why.message)
                continue
            if answer.status in (200, 401):
                return answer
            failures.append(answer.error().message)
        raise RegistryUnreachable("; ".join(failures))

    def _exchange(self) -> None:
        """Gets a bearer token for our scopes from the token server that the registry named."""
        if self._credentials.token:
            self._login = f"Bearer {self._credentials.token}"
            return
        parameters = self._challenge[1]
        realm = parameters.get("realm", "")
        challenge.check_realm(realm, self._registry, self._scheme == "http")
        answer = self._refresh(realm, parameters) if self._credentials.identity else None
        if answer is None or answer.status == 404:
            answer = self._basic(realm, parameters)
        if answer.status != 200:
            raise answer.error()
        try:
            found = json.loads(answer.body)
            token = found.get("access_token") or found.get("token") or ""
        except (ValueError, AttributeError):
            token = ""
        if not token:
            raise OciError(f"the token server of {self._registry} did not send a token")
        self._login = f"Bearer {token}"

    def _refresh(self, realm: str, parameters: dict[str, str]) -> Answer:
        form = {"scope": " ".join(self._scopes), "service": parameters.get("service", ""), "client_id": "pyflux"}
        form |= {"grant_type": "refresh_token", "refresh_token": self._credentials.identity}
        return self._transport.send(
            "POST",
            realm,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode({key: value for key, value in form.items() if value}).encode(),
        )

    def _basic(self, realm: str, parameters: dict[str, str]) -> Answer:
        parts = urlsplit(realm)
        query = parse_qsl(parts.query) + [("scope", scope) for scope in self._scopes]
        query.append(("service", parameters.get("service", "")))
        login = self._credentials.header()
        return self._transport.send(
            "GET",
            urlunsplit(parts._replace(query=urlencode(query))),
            headers={"Authorization": login} if login else {},
        )

    def _url(self, path: str) -> str:
        return f"{self._scheme}://{self._registry}/v2/{self._repository}/{path}"

    def _send(
        self,
        method: str,
        url: str,
        *,
        ok: tuple[int, ...],
        headers: dict[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
        size: int = 0,
        sink: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """One request with our login, which goes to the registry alone. Raises RegistryError for other statuses."""
        renewed = False
        for _ in range(10):
            sent = dict(headers or {})
            if self._login and urlsplit(url).netloc == self._registry:
                sent["Authorization"] = self._login
            answer = self._transport.send(method, url, headers=sent, body=body, size=size, sink=sink)
            if answer.status in _REDIRECTS and method in ("GET", "HEAD"):
                url = self._next(answer)
                continue
            if answer.status == 401 and not renewed and self._challenge[0] == "bearer":
                renewed = True
                self._renew(answer)
                if body is not None and not isinstance(body, bytes):
                    body.seek(-size, 1)
                continue
            if answer.status not in ok:
                raise answer.error()
            return answer
        raise OciError(f"{method} {url.partition('?')[0]}: stopped after 10 redirects")

    def _renew(self, answer: Answer) -> None:
        _, parameters = challenge.pick(answer.headers.get_all("WWW-Authenticate") or [])
        scope = parameters.get("scope", "")
        if scope and scope not in self._scopes:
            self._scopes.insert(0, scope)
        self._exchange()

    def _next(self, answer: Answer) -> str:
        """Where an answer sends us: an absolute URL, and no private address that the registry is not at itself."""
        location = answer.headers.get("Location")
        if not location:
            raise OciError(f"{answer.method} {answer.url.partition('?')[0]}: missing Location header")
        url = urljoin(answer.url, location)
        parts = urlsplit(url)
        if parts.scheme not in ("https", self._scheme):
            raise OciError(f"registry {self._registry} redirects to a URL that is not safe: {parts.scheme}://…")
        if parts.hostname != urlsplit(answer.url).hostname:
            try:
                public = ipaddress.ip_address(parts.hostname or "").is_global
            except ValueError:
                public = True
            if not public:
                raise OciError(f"registry {self._registry} redirects to a private address: {parts.hostname}")
        return url

    def manifest(self, reference: Reference) -> Manifest:
        """The manifest of a tag or digest; one asked for by digest is checked. Raises RegistryError."""
        self.login()
        answer = self._send(
            "GET", self._url(f"manifests/{reference.identifier}"), ok=(200,), headers={"Accept": _ACCEPTED}
        )
        found = Manifest(answer.body, answer.headers.get("Content-Type", ""))
        if reference.digest and found.digest != reference.digest:
            raise OciError(
                f'manifest digest: "{found.digest}" does not match requested digest: "{reference.digest}"'
                f' for "{reference}"'
            )
        return found

    def referrers(self, reference: Reference) -> list[dict[str, Any]]:
        """What refers to the artifact of a digest: descriptors with artifactType and digest. Raises RegistryError."""
        self.login()
        answer = self._send("GET", self._url(f"referrers/{reference.digest}"), ok=(200, 400, 404, 405, 406))
        text = answer.body
        if answer.status != 200:
            # a registry without that part of the API keeps the list at a tag that the digest gives
            try:
                text = self.manifest(reference.with_tag(reference.digest.replace(":", "-", 1))).raw
            except RegistryError as why:
                if why.status == 404:
                    return []
                raise
        try:
            found = json.loads(text)["manifests"] or []
        except (ValueError, KeyError, TypeError):
            return []
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    def put_manifest(self, reference: Reference, manifest: Manifest) -> None:
        """Stores a manifest under a tag or its digest. Raises RegistryError."""
        self.login()
        self._send(
            "PUT",
            self._url(f"manifests/{reference.identifier}"),
            ok=(200, 201, 202),
            headers={"Content-Type": manifest.media_type},
            body=manifest.raw,
        )

    def blob(self, digest: str, size: int, out: IO[bytes]) -> None:
        """Writes a blob to `out`, its digest and size checked. Raises RegistryError, OciError."""
        self.login()
        if not re.fullmatch(r"sha256:[a-f0-9]{64}", digest):
            raise OciError(f"unsupported digest algorithm: {digest}")
        sha, count = hashlib.sha256(), 0

        def take(data: bytes) -> None:
            nonlocal count
            count += len(data)
            if count > size:
                raise OciError(f"blob {digest} is larger than the {size} bytes its manifest says")
            sha.update(data)
            out.write(data)

        self._send("GET", self._url(f"blobs/{digest}"), ok=(200,), sink=take)
        if count != size or f"sha256:{sha.hexdigest()}" != digest:
            raise OciError(
                f"error verifying sha256 checksum after reading {count} bytes; "
                f'got "sha256:{sha.hexdigest()}", want "{digest}"'
            )

    def has_blob(self, digest: str) -> bool:
        self.login()
        return self._send("HEAD", self._url(f"blobs/{digest}"), ok=(200, 404)).status == 200

    def put_blob(self, digest: str, size: int, source: IO[bytes]) -> None:
        """Uploads `size` bytes of `source` unless they are there. Raises RegistryError, OciError."""
        if self.has_blob(digest):
            return
        start = source.tell()
        try:
            location = self._upload(size, source)
        except RegistryError as why:
            if why.status != 413:
                raise
            # too much for one request there: again, in pieces
            source.seek(start)
            location = self._upload_pieces(size, source)
        parts = urlsplit(location)
        query = [*parse_qsl(parts.query, keep_blank_values=True), ("digest", digest)]
        self._send(
            "PUT",
            urlunsplit(parts._replace(query=urlencode(query))),
            ok=(201,),
            headers={"Content-Type": "application/octet-stream"},
        )

    def _start_upload(self) -> str:
        answer = self._send(
            "POST", self._url("blobs/uploads/"), ok=(202,), headers={"Content-Type": "application/json"}
        )
        return self._next(answer)

    def _upload(self, size: int, source: IO[bytes]) -> str:
        answer = self._send(
            "PATCH",
            self._start_upload(),
            ok=(201, 202, 204),
            headers={"Content-Type": "application/octet-stream"},
            body=source,
            size=size,
        )
        return self._next(answer)

    def _upload_pieces(self, size: int, source: IO[bytes]) -> str:
        location, sent, piece = self._start_upload(), 0, min(_CHUNK, max(1, size // 2))
        while sent < size:
            data = source.read(piece)
            if not data:
                raise OciError("the artifact changed while it was being uploaded")
            answer = self._send(
                "PATCH",
                location,
                ok=(201, 202, 204),
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Range": f"{sent}-{sent + len(data) - 1}",
                },
                body=data,
            )
            sent += len(data)
            location = self._next(answer)
        return location

    def tags(self) -> list[str]:
        """All tags of the repository. Raises RegistryError."""
        self.login()
        found: list[str] = []
        url = self._url("tags/list?n=1000")
        while url:
            answer = self._send("GET", url, ok=(200,))
            try:
                found += [str(tag) for tag in json.loads(answer.body).get("tags") or []]
            except (ValueError, AttributeError, TypeError) as why:
                raise OciError(f"{self._registry} did not answer with a list of tags: {why}") from why
            link = re.search(r"<([^>]*)>", answer.headers.get("Link", ""))
            url = urljoin(answer.url, quote(link.group(1), safe="/?&=%:@.-_~+")) if link else ""
            if url and urlsplit(url).netloc != self._registry:
                raise OciError(f"{self._registry} continues its list of tags at another host")
        return found
