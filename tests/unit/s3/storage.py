"""A storage of the tests' own, which can misbehave: before its usual answers it gives those that a test puts in."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

LIST = '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'


class Reply(NamedTuple):
    """An answer; a `length` that is not the body's breaks the connection within it."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    length: int = -1


def problem(status: int, code: str, message: str = "", more: str = "") -> Reply:
    """An error as S3 tells it."""
    text = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>{more}</Error>"
    return Reply(status, text.encode())


def listing(*objects: tuple[str, str], token: str = "", more: str = "") -> bytes:
    """A page of a listing."""
    found = "".join(
        f"<Contents><Key>{escape(key)}</Key><ETag>&quot;{etag}&quot;</ETag><Size>1</Size></Contents>"
        for key, etag in objects
    )
    tail = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return f"{LIST}{more}{found}{tail}</ListBucketResult>".encode()


class Storage:
    """One bucket `box` on loopback. `objects` are contents by key; etags are `e-` and the content's length."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.pages: list[bytes] = []
        """Listings to give instead of one made of `objects`, the first first."""
        self.first: dict[str, list[Reply]] = {}
        """Answers that come before the usual one, by what the target begins with."""
        self.seen: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        storage = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                storage.seen.append((self.command, self.path))
                storage.headers.append(dict(self.headers.items()))
                reply = storage.answer(self.path)
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body) if reply.length < 0 else reply.length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)
                if reply.length >= 0:
                    self.close_connection = True

            do_HEAD = do_GET

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                # a client that gives up in the middle of an answer is no news
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, target: str) -> Reply:
        for start, replies in self.first.items():
            if target.startswith(start) and replies:
                return replies.pop(0)
        parts = urlsplit(target)
        query = parse_qs(parts.query, keep_blank_values=True)
        if "location" in query:
            return Reply(200, b"<LocationConstraint/>")
        if "list-type" in query:
            if self.pages:
                return Reply(200, self.pages.pop(0))
            prefix = query["prefix"][0]
            found = [(key, f"e-{len(body)}") for key, body in self.objects.items() if key.startswith(prefix)]
            return Reply(200, listing(*found))
        key = unquote(parts.path).removeprefix("/box/")
        if not key:
            return Reply(200)
        if key not in self.objects:
            return problem(404, "NoSuchKey", "The specified key does not exist.")
        body = self.objects[key]
        return Reply(200, body, (("ETag", f'"e-{len(body)}"'),))
