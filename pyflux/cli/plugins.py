"""Commands that are programs: `pyflux WORD` runs the plugin WORD; and the verbs of `pyflux plugin`."""

from __future__ import annotations

import contextlib
import os
import signal

from pyflux.errors import PyfluxError
from pyflux.verbs import plugin_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen
    from typing import TextIO

    from pyflux.env import Call, Env


def run_plugin(env: Env, word: str, before: list[str], after: list[str]) -> int | None:
    """Runs the plugin called `word` with all other words as they stand; its exit code, None without one.

    Looked for in the plugin folder, then on PATH, as `pyflux-WORD`, then `flux-WORD`. A plugin ended by a
    signal gives 128 and the signal's number, as a shell does.
    """
    path = plugin_folder.find(env.environ, word)
    if not path:
        return None
    return _run([path, *before, *after], env)


def _file_or_pipe(stream: TextIO) -> TextIO | int:
    """The stream itself where the program can have it, a pipe where it is no file."""
    from subprocess import PIPE

    try:
        stream.fileno()
    except (OSError, ValueError, AttributeError):
        return PIPE
    return stream


def _run(argv: list[str], env: Env) -> int:
    """Runs the program on our own streams. Ctrl-C is for the program; other ends of us are passed on to it."""
    import subprocess

    env.stdout.flush()
    env.stderr.flush()
    stdin, stdout, stderr = (_file_or_pipe(stream) for stream in (env.stdin, env.stdout, env.stderr))
    try:
        child = subprocess.Popen(
            argv,
            env=dict(env.environ),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
            errors="replace",
        )
    except OSError as why:
        raise PyfluxError(f"plugin {argv[0]} does not run: {why.strerror}") from why
    with _signals_for(child):
        out, err = child.communicate(env.stdin.read() if stdin == subprocess.PIPE else None)
    env.stdout.write(out or "")
    env.stderr.write(err or "")
    return _exit_code(child.returncode)


@contextlib.contextmanager
def _signals_for(child: Popen[str]) -> Iterator[None]:
    def pass_on(number: int, _frame: object) -> None:
        child.send_signal(number)

    handlers = {signal.SIGTERM: pass_on, signal.SIGHUP: pass_on}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_code(code: int) -> int:
    return code if code >= 0 else 128 - code


def _builtin() -> list[str]:
    from pyflux.cli.tree import TOP

    return list(TOP)


def list_installed(env: Env, call: Call) -> None:
    """`pyflux plugin list`."""
    from pyflux.verbs.plugin import show_installed

    show_installed(env, _builtin())


def update(env: Env, call: Call) -> None:
    """`pyflux plugin update`."""
    from pyflux.verbs.plugin import update_installed

    update_installed(env, _builtin(), call.args[0] if call.args else "")


def complete_plugin(env: Env, word: str, words: list[str], timeout: float) -> tuple[list[str], int] | None:
    """What the plugin itself offers after `words` (the last one unfinished), and cobra's directive.

    None where there is no such plugin or it does not answer in `timeout` seconds.
    """
    import subprocess

    path = plugin_folder.find(env.environ, word)
    if not path:
        return None
    try:
        done = subprocess.run(
            [path, "__complete", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=dict(env.environ),
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.rstrip("\n").split("\n")
    last = lines.pop()
    if not last:
        return None
    number = last[1:] if last.startswith(":") else ""
    return [line for line in lines if line], int(number) if number.isdecimal() else 0


def plugin_names(env: Env) -> list[str]:
    """The words that plugins of the folder add to the root command."""
    return [plugin.name for plugin in plugin_folder.installed(env.environ, _builtin())] if _has_folder(env) else []


def _has_folder(env: Env) -> bool:
    path = plugin_folder.folder(env.environ)
    return bool(path) and os.path.isdir(path)
