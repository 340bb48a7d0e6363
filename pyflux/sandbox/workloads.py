"""A stand-in for kubelets and workload controllers: no containers run, statuses say that they do."""

from __future__ import annotations

import asyncio
from pathlib import Path


class Workloads:
    """Placeholder client; filled in below."""

    def __init__(self, port: int, token: str, ca: Path) -> None:
        self.port = port

    async def run(self) -> None:
        """Works until cancelled."""
        await asyncio.Event().wait()
