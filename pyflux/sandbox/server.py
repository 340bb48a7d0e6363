"""The sandbox's daemon: `python -m pyflux.sandbox.server --folder DIR`.

Serves the API and the Git repositories, runs the stand-in for workloads, and starts the controllers as a
child process. Ends on SIGTERM or SIGINT with everything on disk.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pyflux.errors import PyfluxError
from pyflux.sandbox.state import Settings, State
from pyflux.sandbox.strays import end_strays, forget, remember

log = logging.getLogger("sandbox")
LOG_BYTES = 16 << 20


class Daemon:
    """One running sandbox."""

    def __init__(self, state: State, settings: Settings, controllers: list[str], workloads: bool = True) -> None:
        self.state = state
        self.workloads = workloads
        self.settings = settings
        self.command = controllers
        self.stop = asyncio.Event()
        self.server: Any = None
        self.code = 0

    async def run(self) -> None:
        """Serves until told to stop."""
        from pyflux.sandbox.api.app import App
        from pyflux.sandbox.api.auth import set_secret
        from pyflux.sandbox.bootstrap import make_defaults
        from pyflux.sandbox.controllers import Controllers
        from pyflux.sandbox.engine import Engine
        from pyflux.sandbox.registry import Registry

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop.set)
        store = self._store()
        store.attach(loop)
        store.on_failure = lambda: self._failed(store.failed)
        engine = Engine(store, Registry())
        set_secret(engine, self.settings.token)
        control = Controllers(engine, (self.state.folder / "ca.crt").read_text())
        control.start()
        make_defaults(engine, self.settings.api_port)
        app = App(engine, self.settings.token)
        tasks = [asyncio.create_task(control.run()), asyncio.create_task(self._serve(app))]
        tasks.append(asyncio.create_task(control.expire()))
        git = self._git()
        await store.settled()
        app.ready = True
        tasks.append(asyncio.create_task(self._children(app)))
        waiting = asyncio.create_task(self.stop.wait())
        await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done() and not task.cancelled() and task.exception() is not None:
                log.error("the sandbox failed: %s", task.exception())
        app.stopping.set()
        if self.server is not None:
            self.server.should_exit = True
        for task in tasks:
            if task is not tasks[1]:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if git is not None:
            git.close()
        store.close()

    def _store(self) -> Any:
        import sqlite3

        from pyflux.sandbox.storage import DamagedError, Store

        path = self.state.database
        try:
            return Store(path)
        except DamagedError as error:
            hint = f"remove it to begin with an empty cluster, or run: pyflux sandbox delete --name {self.state.name}"
            raise PyfluxError(f"its database {path} is damaged: {error}", hint=hint) from None
        except sqlite3.OperationalError as error:
            raise PyfluxError(f"its database {path} cannot be opened: {error}") from None

    def _failed(self, error: BaseException | None) -> None:
        log.error("the database cannot be written: %s; the sandbox stops, what was acknowledged is safe", error)
        self.code = 1
        self.stop.set()

    async def _serve(self, app: Any) -> None:
        import uvicorn

        from pyflux.sandbox.api.joined import JoinedProtocol

        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=self.settings.api_port,
            ssl_keyfile=str(self.state.folder / "server.key"),
            ssl_certfile=str(self.state.folder / "server.crt"),
            http=JoinedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=120,
            timeout_graceful_shutdown=3,
            backlog=1024,
        )
        self.server = uvicorn.Server(config)
        # The daemon has its own signal handlers.
        self.server.capture_signals = contextlib.nullcontext
        await self.server.serve()

    def _git(self) -> Any:
        try:
            from pyflux.sandbox.gitserver import GitServer
        except ImportError as error:
            log.warning("no Git server: %s", error)
            return None
        server = GitServer(self.state.repositories, self.settings.git_port)
        server.start()
        return server

    async def _children(self, app: Any) -> None:
        """Runs the workload stand-in here and the controllers as a child, which is started again if it ends."""
        from pyflux.sandbox.workloads import Workloads

        while self.server is None or not self.server.started:
            await asyncio.sleep(0.01)
        self._write_pid()
        jobs: list[asyncio.Task[Any]] = [asyncio.create_task(asyncio.Event().wait())]
        if self.workloads:
            stand_in = Workloads(self.settings.api_port, self.settings.token, self.state.folder / "ca.crt")
            jobs.append(asyncio.create_task(stand_in.run()))
        if self.command:
            jobs.append(asyncio.create_task(self._controllers()))
        try:
            await asyncio.gather(*jobs)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    def _write_pid(self) -> None:
        from pyflux.sandbox.certs import write_private

        write_private(self.state.pid_file, json.dumps({"pid": os.getpid()}).encode())

    async def _controllers(self) -> None:
        delay = 1.0
        while True:
            with self.state.controllers_log.open("ab") as out:
                env = {**os.environ, "KUBECONFIG": str(self.state.kubeconfig)}
                child = await asyncio.create_subprocess_exec(
                    *self.command, stdout=out, stderr=out, stdin=asyncio.subprocess.DEVNULL, env=env
                )
            remember(self.state, child.pid)
            started = asyncio.get_running_loop().time()
            try:
                code = await child.wait()
            except asyncio.CancelledError:
                await _end(child)
                forget(self.state)
                raise
            log.warning("the controllers ended with code %s; starting them again", code)
            if asyncio.get_running_loop().time() - started > 60:
                delay = 1.0
            await asyncio.sleep(delay)
            delay = min(delay * 2, 30)


async def _end(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        await asyncio.wait_for(child.wait(), 10)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def _shorten(path: Path) -> None:
    """Keeps the end of a log that has grown large."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return
    if size > LOG_BYTES:
        with path.open("rb") as file:
            file.seek(size - LOG_BYTES // 2)
            file.readline()
            rest = file.read()
        path.write_bytes(rest)


def lock(state: State) -> int | None:
    """Takes the sandbox's lock; None when another process has it. The lock ends with the process."""
    descriptor = os.open(state.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def main(arguments: list[str] | None = None) -> int:
    """Runs one sandbox in this process; the exit code is 3 when it runs already."""
    parser = argparse.ArgumentParser(prog="pyflux.sandbox.server")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--controllers", default="[]", help="JSON list: the command line of the controllers")
    parser.add_argument("--no-workloads", action="store_true", help="leave the status of workloads alone")
    given = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    state = State(given.folder.name, given.folder)
    state.folder.mkdir(parents=True, exist_ok=True)
    held = lock(state)
    if held is None:
        log.error("sandbox %s runs already", state.name)
        return 3
    try:
        state.pid_file.unlink(missing_ok=True)
        if end_strays(state):
            log.warning("ended controllers that a killed sandbox had left behind")
        _shorten(state.controllers_log)
        settings = state.move_ports(state.prepare())
        daemon = Daemon(state, settings, json.loads(given.controllers), not given.no_workloads)
        asyncio.run(daemon.run())
        return daemon.code
    except PyfluxError as error:
        log.error("%s%s", error, f"; {error.hint}" if error.hint else "")
    except OSError as error:
        log.error("%s: %s", error.filename or state.folder, error.strerror or error)
    finally:
        state.pid_file.unlink(missing_ok=True)
        os.close(held)
    return 1


if __name__ == "__main__":
    sys.exit(main())
