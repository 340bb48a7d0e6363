"""`pyflux sandbox start|stop|status|logs|kubeconfig|env|delete`."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError, SilentExit, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from pyflux.env import Call, Env
    from pyflux.sandbox.lifecycle import Status
    from pyflux.sandbox.state import State

NOTE = "no containers run in a sandbox: workloads are stored, and their status says that they are up"
FOLLOW_SECONDS = 0.2


def _state(env: Env, call: Call) -> State:
    from pyflux.sandbox.state import state

    return state(call.str("name"), dict(env.environ))


def _existing(env: Env, call: Call) -> State:
    found = _state(env, call)
    found.settings()
    return found


def _flag(found: State) -> str:
    from pyflux.sandbox.state import DEFAULT_NAME

    return "" if found.name == DEFAULT_NAME else f" --name {found.name}"


def start(env: Env, call: Call) -> None:
    """Starts a sandbox; nothing but a message when it runs."""
    from pyflux.sandbox import lifecycle

    found = _state(env, call)
    controllers: list[str] | None = [] if call.bool("no-controllers") else None
    if call.bool("foreground"):
        env.log.action(f"running sandbox '{found.name}' in {found.folder}; Ctrl-C stops it")
        env.log.warning(NOTE)
        code = lifecycle.run_foreground(found, controllers)
        if code:
            raise SilentExit(f"the sandbox ended with code {code}", exit_code=1)
        env.log.success(f"sandbox '{found.name}' stopped")
        return
    env.log.action(f"starting sandbox '{found.name}'")
    began = env.monotonic()
    fresh = lifecycle.start(found, controllers)
    now = lifecycle.status(found)
    if fresh:
        env.log.success(f"sandbox '{found.name}' is ready after {env.monotonic() - began:.1f}s")
        env.log.warning(NOTE)
    else:
        env.log.success(f"sandbox '{found.name}' runs already")
    env.log.plain(f"  API          {now.server}")
    env.log.plain(f"  Git          {now.git}/NAME.git")
    env.log.plain(f"  kubeconfig   {now.kubeconfig}")
    env.log.plain(f'use it with: eval "$(pyflux sandbox env{_flag(found)})"')


def stop(env: Env, call: Call) -> None:
    """Stops a sandbox; its objects stay."""
    from pyflux.sandbox import lifecycle

    found = _existing(env, call)
    env.log.action(f"stopping sandbox '{found.name}'")
    if lifecycle.stop(found):
        env.log.success(f"sandbox '{found.name}' stopped")
    else:
        env.log.success(f"sandbox '{found.name}' was not running")


def status(env: Env, call: Call) -> None:
    """Prints the state of one sandbox, or of all; exit 1 when the one asked for does not run."""
    from pyflux.sandbox import lifecycle
    from pyflux.sandbox.state import names, state

    form = call.str("output")
    if form not in ("text", "json"):
        raise UsageError(f"unknown output '{form}', must be text or json")
    environ = dict(env.environ)
    wanted = [state(n, environ) for n in names(environ)] if call.bool("all") else [_existing(env, call)]
    found = [lifecycle.status(s) for s in wanted]
    if form == "json":
        rows = [_row(s) for s in found]
        env.write(json.dumps(rows if call.bool("all") else rows[0], indent=2) + "\n")
    else:
        for one in found:
            env.write(_text(one))
    if not call.bool("all") and not found[0].ready:
        raise SilentExit("not running", exit_code=1)


def _row(one: Status) -> dict[str, object]:
    return {
        "name": one.name,
        "running": one.running,
        "ready": one.ready,
        "pid": one.pid,
        "server": one.server,
        "git": one.git,
        "kubeconfig": str(one.kubeconfig),
        "folder": str(one.folder),
    }


def _text(one: Status) -> str:
    word = "ready" if one.ready else "starting" if one.running else "stopped"
    lines = [f"{one.name}: {word}" + (f" (process {one.pid})" if one.pid else "")]
    lines += [f"  API         {one.server}", f"  Git         {one.git}", f"  kubeconfig  {one.kubeconfig}"]
    return "\n".join(lines) + "\n"


def logs(env: Env, call: Call) -> None:
    """Prints the daemon's log, or the controllers'."""
    found = _existing(env, call)
    path = found.controllers_log if call.bool("controllers") else found.log
    if not path.exists():
        raise PyfluxError(f"sandbox '{found.name}' has no such log yet", hint=f"it would be {path}")
    _print_log(env, path, call.int("tail"), call.bool("follow"))


def _print_log(env: Env, path: Path, tail: int, follow: bool) -> None:
    with path.open(errors="replace") as file:
        lines = file.readlines()
        env.write("".join(lines if tail < 0 else lines[len(lines) - tail :] if tail else []))
        while follow:
            text = file.read()
            if text:
                env.write(text)
                env.stdout.flush()
            else:
                env.sleep(FOLLOW_SECONDS)


def kubeconfig(env: Env, call: Call) -> None:
    """Prints the kubeconfig."""
    env.write(_existing(env, call).kubeconfig.read_text())


def environment(env: Env, call: Call) -> None:
    """Prints the exports that point a shell at the sandbox."""
    found = _existing(env, call)
    env.write(f"export KUBECONFIG={shlex.quote(str(found.kubeconfig))}\n")
    env.write(f"export PYFLUX_SANDBOX_GIT=http://127.0.0.1:{found.settings().git_port}\n")


def delete(env: Env, call: Call) -> None:
    """Stops a sandbox and removes its folder."""
    from pyflux.sandbox import lifecycle

    found = _state(env, call)
    env.log.action(f"deleting sandbox '{found.name}'")
    if lifecycle.delete(found):
        env.log.success(f"sandbox '{found.name}' deleted")
    else:
        env.log.success(f"there is no sandbox '{found.name}'")
