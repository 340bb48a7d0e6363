"""A TCP proxy that adds round-trip time: a stand-in for a cluster that is far away.

Each direction holds data back for half the round trip; the first bytes of a connection for a whole one more,
as the TCP handshake would.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType


class DelayProxy:
    """`with DelayProxy("127.0.0.1", 6443, rtt=0.03) as proxy:` listens on `proxy.port`."""

    def __init__(self, host: str, port: int, rtt: float) -> None:
        self._target = (host, port)
        self._rtt = rtt
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    def __enter__(self) -> DelayProxy:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_connection(*self._target)
        await asyncio.gather(
            self._pump(reader, upstream[1], self._rtt), self._pump(upstream[0], writer, 0.0), return_exceptions=True
        )

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: float) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                if not data:
                    writer.close()
                    return
                writer.write(data)
                await writer.drain()

        task = asyncio.create_task(deliver())
        handshake = self._loop.time() + first
        try:
            while data := await reader.read(65536):
                now = max(self._loop.time(), handshake)
                await queue.put((now + self._rtt / 2, data))
        except ConnectionError:
            pass
        await queue.put((self._loop.time(), b""))
        await task
