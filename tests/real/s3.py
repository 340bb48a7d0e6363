"""An S3 server on loopback that keeps one bucket in memory and takes any credentials."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path
from urllib.parse import quote

from tests.real.processes import (
    OneServer,
    Server,
    ServerError,
    binary,
    free_port,
    listening,
    missing,
    temporary_folder,
)

BUCKET = "fleet"


class S3(OneServer):
    """A running server over plain HTTP at `address` (host:port) with the bucket BUCKET."""

    def __init__(self) -> None:
        reason = missing("s3")
        if reason:
            raise ServerError(reason)
        self.folder: Path = temporary_folder("pyflux-s3-")
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        command = [binary("s3"), "-backend", "memory", "-host", self.address, "-initialbucket", BUCKET, "-quiet"]
        environment = {"PATH": os.environ.get("PATH", os.defpath)}
        self._server = Server("s3", command, self.folder / "s3.log", env=environment)
        self._server.wait_until(lambda: listening(port), 15)

    def make(self, bucket: str) -> None:
        """Makes a bucket."""
        self._send("PUT", bucket)

    def put(self, key: str, text: str | bytes, bucket: str = BUCKET) -> None:
        """Stores an object."""
        self._send("PUT", f"{bucket}/{quote(key)}", text if isinstance(text, bytes) else text.encode())

    def delete(self, key: str, bucket: str = BUCKET) -> None:
        """Removes an object."""
        self._send("DELETE", f"{bucket}/{quote(key)}")

    def _send(self, method: str, path: str, body: bytes | None = None) -> None:
        request = urllib.request.Request(f"http://{self.address}/{path}", body, method=method)
        with urllib.request.urlopen(request, timeout=10):
            pass
