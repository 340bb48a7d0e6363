"""`pyflux controllers run`: pyflux's own controllers in the foreground, until they are told to stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError, SilentExit, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.controllers.core import Options
    from pyflux.env import Call, Env

_READY = "controllers are running"


def run(env: Env, call: Call) -> None:
    """Runs until SIGINT or SIGTERM; a second signal does not wait for work that is under way."""
    from pyflux.controllers.manager import Manager
    from pyflux.kube import connect

    client = connect(env)
    options = _options(env, call, client.server)
    log = logger(env, call.str("log-level"))
    stop = threading.Event()
    impatient = threading.Event()

    def signaled(_number: int, _frame: object) -> None:
        (impatient if stop.is_set() else stop).set()

    before = {number: signal.signal(number, signaled) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        manager = Manager(client, options, log)
        manager.start()
        serving = f", artifacts on http://{manager.address}" if manager.address else ""
        env.log.success(f"{_READY} on {client.server} ({', '.join(options.components)}){serving}")
        stop.wait()
        env.log.waiting("stopping")
        _stop(manager.stop, impatient)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    env.log.success("controllers stopped")


def _stop(stop: Callable[[], bool], impatient: threading.Event) -> None:
    finished = threading.Event()
    clean: list[bool] = []

    def work() -> None:
        clean.append(stop())
        finished.set()

    threading.Thread(target=work, daemon=True).start()
    while not finished.wait(0.1):
        if impatient.is_set():
            raise SilentExit("stopped before all work was finished")
    if clean != [True]:
        raise PyfluxError("some reconciliations were still under way; they are taken up again at the next start")


def _options(env: Env, call: Call, server: str) -> Options:
    from pyflux.controllers.core import COMPONENTS, Options

    components = tuple(call.strings("components") or COMPONENTS)
    unknown = [name for name in components if name not in COMPONENTS]
    if unknown:
        raise UsageError(f"unknown component {unknown[0]}, choose from: {', '.join(COMPONENTS)}")
    concurrent = call.int("concurrent")
    if concurrent < 1:
        raise UsageError("--concurrent must be at least 1")
    everywhere = call.bool("watch-all-namespaces")
    return Options(
        storage_path=call.str("storage-path") or _default_storage(env, server),
        storage_addr=call.str("storage-addr"),
        storage_adv_addr=call.str("storage-adv-addr"),
        components=components,
        namespace="" if everywhere else env.kube.namespace,
        concurrent=concurrent,
        alone=call.bool("alone"),
        allow_remote_bases=call.bool("allow-remote-bases"),
        allow_file_urls=call.bool("allow-file-urls"),
        cross_namespace_refs=not call.bool("no-cross-namespace-refs"),
        default_service_account=call.str("default-service-account"),
        requeue_dependency=call.seconds("requeue-dependency"),
        labels=call.str("watch-label-selector"),
    )


def _default_storage(env: Env, server: str) -> str:
    """A folder of the user's cache for this one cluster."""
    import hashlib

    cache = env.environ.get("XDG_CACHE_HOME") or os.path.join(
        env.environ.get("HOME") or os.path.expanduser("~"), ".cache"
    )
    return os.path.join(cache, "pyflux", "controllers", hashlib.sha256(server.encode()).hexdigest()[:16])


def logger(env: Env, level: str) -> Callable[[str], None]:
    """One line a message, with the time; nothing at level "error" but failures of the process itself."""
    lock = threading.Lock()

    def log(text: str) -> None:
        if level == "error":
            return
        stamp = time.strftime("%H:%M:%S", time.localtime(env.now()))
        with lock:
            env.log.plain(f"{stamp} {text}")

    return log
