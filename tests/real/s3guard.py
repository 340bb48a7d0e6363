"""What the S3 server of the tests lacks: a door in front of it that checks signatures, and remembers what was asked.

It also stands in for an HTTP proxy, and speaks TLS. The official controller's client goes through the same door, so a
signature is right here where it is right for the client of MinIO.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import re
import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.real.pki import write_serving_pair

ACCESS, SECRET = "AKIDTESTS", "wJalrXUtnFEMI/K7MDENG+bPxRfiCY"
_ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>'
_FORM = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)"
)


def refusal(method: str, target: str, headers: Mapping[str, str], keys: tuple[str, str]) -> tuple[str, str] | None:
    """S3's code and words for a request that is not signed with `keys`; None for one that is."""
    given = headers.get("Authorization", "")
    found = _FORM.fullmatch(given)
    if not found:
        return "AccessDenied", "Access Denied"
    access, day, region, names, signature = found.groups()
    if access != keys[0]:
        return "InvalidAccessKeyId", "The Access Key Id you provided does not exist in our records."
    path, _, query = target.partition("?")
    sorted_query = "&".join(sorted(part if "=" in part else f"{part}=" for part in query.split("&") if part))
    canonical = [method, path, sorted_query]
    canonical += [f"{name}:{headers[name].strip()}" for name in names.split(";")]
    canonical += ["", names, headers["X-Amz-Content-Sha256"]]
    scope = (day, region, "s3", "aws4_request")
    signing = b"AWS4" + keys[1].encode()
    for part in scope:
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", headers["X-Amz-Date"], "/".join(scope), digest))
    if hmac.new(signing, text.encode(), hashlib.sha256).hexdigest() != signature:
        words = "The request signature we calculated does not match the signature you provided."
        return "SignatureDoesNotMatch", words
    return None


class Guard:
    """A door on loopback at `address` (host:port) to the S3 server at `backend`."""

    def __init__(self, backend: str, *, keys: tuple[str, str] = (ACCESS, SECRET), tls: Path | None = None) -> None:
        self.requests: list[tuple[str, str]] = []
        """Method and target of every request that was let in."""
        self.headers: list[dict[str, str]] = []
        """Their headers, with names in lower case."""
        guard = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                place = urlsplit(self.path)
                target = place.path + (f"?{place.query}" if place.query else "")
                refused = refusal(self.command, target, self.headers, keys)
                if refused:
                    self._answer(403, {"Content-Type": "application/xml"}, (_ERROR % refused).encode())
                    return
                # a proxy is asked for whole URLs
                guard.requests.append((self.command, self.path))
                guard.headers.append({name.lower(): value for name, value in self.headers.items()})
                connection = http.client.HTTPConnection(backend, timeout=20)
                kept = {name: value for name, value in self.headers.items() if name.lower() in ("range", "if-match")}
                connection.request(self.command, target, headers=kept)
                response = connection.getresponse()
                self._answer(response.status, dict(response.headers.items()), response.read())
                connection.close()

            do_HEAD = do_GET

            def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
                self.send_response(status)
                dropped = ("connection", "transfer-encoding", "date", "server")
                given = {name: value for name, value in headers.items() if name.lower() not in dropped}
                if not any(name.lower() == "content-length" for name in given):
                    given["Content-Length"] = str(len(body))
                for name, value in given.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self.ca = b""
        if tls is not None:
            write_serving_pair(tls)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls / "tls.crt", tls / "tls.key")
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.ca = (tls / "ca.crt").read_bytes()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def objects_read(self, bucket: str) -> list[str]:
        """The keys whose content was asked for, with HEAD or GET."""
        paths = [urlsplit(target).path for _, target in self.requests]
        start = f"/{bucket}/"
        return [path.removeprefix(start) for path in paths if path.startswith(start) and path != start]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
