"""A stand-in for kubelets and workload controllers: no containers run, statuses say that they do.

It is a client of the API like any other: lists and watches workloads over HTTPS and writes their status.
The annotation `sandbox.pyflux.dev/fail: "reason"` on an object, or on its pod template, makes it fail.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyflux.sandbox.podstatus import FAIL, STATUSES
from pyflux.sandbox.status import Obj

log = logging.getLogger("sandbox")
AGENT = "sandbox-workloads"
RETRY_SECONDS = 0.5
Body = tuple[int, Any]


class Client:
    """A small asynchronous HTTP client for one API server."""

    def __init__(self, port: int, token: str, ca: Path) -> None:
        self.port = port
        self._context = ssl.create_default_context(cafile=str(ca))
        self._head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nUser-Agent: {AGENT}\r\n"
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self._context, limit=1 << 26)

    async def _send(self, writer: asyncio.StreamWriter, method: str, path: str, body: bytes, media: str) -> None:
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Accept: application/json\r\n"
        if body:
            head += f"Content-Type: {media}\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        await writer.drain()

    async def request(self, method: str, path: str, obj: Obj | None = None, media: str = "application/json") -> Body:
        """(status, JSON) of one request."""
        body = json.dumps(obj).encode() if obj is not None else b""
        while True:
            reused = bool(self._idle)
            reader, writer = self._idle.pop() if reused else await self._open()
            try:
                await self._send(writer, method, path, body, media)
                code, length = await _head(reader)
                data = await reader.readexactly(length or 0)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                writer.close()
                if not reused:
                    raise
                continue
            self._idle.append((reader, writer))
            return code, json.loads(data) if data else {}

    async def watch(self, path: str, each: Callable[[Obj], None]) -> None:
        """Calls `each` for every event until the server ends the watch."""
        reader, writer = await self._open()
        try:
            await self._send(writer, "GET", path, b"", "")
            code, _ = await _head(reader)
            if code != 200:
                raise OSError(f"watch answered {code}")
            rest = b""
            while True:
                size = int((await reader.readline()).strip() or b"0", 16)
                if not size:
                    return
                rest += await reader.readexactly(size)
                await reader.readline()
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    if line:
                        each(json.loads(line))
        finally:
            writer.close()


async def _head(reader: asyncio.StreamReader) -> tuple[int, int | None]:
    """The status and the content length of an answer (None: chunked)."""
    first = await reader.readline()
    if not first:
        raise OSError("the server closed the connection")
    code, length = int(first.split()[1]), 0
    chunked = False
    while (line := (await reader.readline()).strip()) != b"":
        key, _, value = line.partition(b":")
        if key.lower() == b"content-length":
            length = int(value)
        elif key.lower() == b"transfer-encoding":
            chunked = True
    return code, None if chunked else length


class Workloads:
    """Sets statuses until cancelled."""

    def __init__(self, port: int, token: str, ca: Path) -> None:
        self.client = Client(port, token, ca)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._again: dict[str, tuple[str, Obj]] = {}
        self._limit = asyncio.Semaphore(8)

    async def run(self) -> None:
        """Follows every kind of workload."""
        await asyncio.gather(*(self._follow(path) for path in STATUSES))

    async def _follow(self, path: str) -> None:
        version = ""
        while True:
            try:
                if not version:
                    _, listed = await self.client.request("GET", path)
                    version = listed["metadata"]["resourceVersion"]
                    for item in listed["items"]:
                        self._seen(path, item)

                def event(found: Obj) -> None:
                    nonlocal version
                    if found["type"] == "ERROR":
                        version = ""
                        return
                    version = found["object"]["metadata"]["resourceVersion"]
                    if found["type"] in ("ADDED", "MODIFIED"):
                        self._seen(path, found["object"])

                await self.client.watch(f"{path}?watch=1&allowWatchBookmarks=true&resourceVersion={version}", event)
            except (OSError, asyncio.IncompleteReadError, ValueError, KeyError) as error:
                log.debug("workloads: %s: %s", path, error)
                version = ""
                await asyncio.sleep(RETRY_SECONDS)

    def _seen(self, path: str, obj: Obj) -> None:
        meta = obj["metadata"]
        if meta.get("deletionTimestamp"):
            return
        key = f"{path}/{meta.get('namespace', '')}/{meta['name']}"
        if key in self._busy:
            self._again[key] = (path, obj)
            return
        task = asyncio.create_task(self._update(key, path, obj))
        self._busy[key] = task

    async def _update(self, key: str, path: str, obj: Obj) -> None:
        try:
            async with self._limit:
                await self._write(path, obj)
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            log.debug("workloads: %s: %s", key, error)
        finally:
            del self._busy[key]
            again = self._again.pop(key, None)
            if again is not None:
                self._seen(*again)

    async def _write(self, path: str, obj: Obj) -> None:
        wanted = STATUSES[path](obj, _failure(obj))
        if wanted is None or all(_covers(obj.get("status", {}).get(k), v) for k, v in wanted.items()):
            return
        meta = obj["metadata"]
        base, _, plural = path.rpartition("/")
        space = f"/namespaces/{meta['namespace']}" if meta.get("namespace") else ""
        body = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "status": wanted}
        where = f"{base}{space}/{plural}/{meta['name']}/status?fieldManager={AGENT}"
        # A conflict means that the object changed: its watch event is on the way.
        code, answer = await self.client.request("PATCH", where, body, "application/merge-patch+json")
        if code not in (200, 404, 409):
            log.warning(
                "status of %s %s/%s: %s", plural, meta.get("namespace", ""), meta["name"], answer.get("message")
            )


def _covers(have: Any, wanted: Any) -> bool:
    """Whether the status says already what it should; times of conditions don't count."""
    if isinstance(wanted, list) and isinstance(have, list):
        return len(have) == len(wanted) and all(_covers(h, w) for h, w in zip(have, wanted, strict=True))
    if isinstance(wanted, dict) and isinstance(have, dict):
        return all(k.endswith(("Time", "Times")) or _covers(have.get(k), v) for k, v in wanted.items())
    return bool(have == wanted) or (not have and not wanted)


def _failure(obj: Obj) -> str:
    """Why the object is to fail; empty when it is not."""
    spec = obj.get("spec") or {}
    template = (spec.get("template") or {}).get("metadata") or {}
    for meta in (obj["metadata"], template):
        found = (meta.get("annotations") or {}).get(FAIL)
        if found:
            return str(found)
    return ""
