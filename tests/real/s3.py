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

    def put(self, key: str, text: str) -> None:
        """Stores an object."""
        url = f"http://{self.address}/{BUCKET}/{quote(key)}"
        with urllib.request.urlopen(urllib.request.Request(url, text.encode(), method="PUT"), timeout=10):
            pass
