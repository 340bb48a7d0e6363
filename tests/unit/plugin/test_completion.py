"""Completion: the protocol, and the scripts in real shells."""

from __future__ import annotations

import http.server
import io
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pyflux.cli import main
from pyflux.env import Env

if TYPE_CHECKING:
    from collections.abc import Iterator


def ask(*words: str, desc: bool = False, **environ: str) -> tuple[list[str], str]:
    """Offered words and the directive."""
    out, err = io.StringIO(), io.StringIO()
    env = Env(stdout=out, stderr=err, stdin=io.StringIO(), environ={"HOME": "/nonexistent", **environ})
    code = main.run(["__complete" if desc else "__completeNoDesc", *words], env)
    assert code == 0
    *lines, last = out.getvalue().splitlines()
    assert "Traceback" not in err.getvalue()
    return lines, last


def test_commands_and_their_descriptions() -> None:
    assert ask("com") == (["completion"], ":4")
    lines, _ = ask("comp", desc=True)
    assert lines == ["completion\tPrint a completion script for a shell"]
    assert ask("completion", "") == (["bash", "fish", "powershell", "zsh"], ":4")
    assert ask("-n", "foo", "push", "") == (["artifact"], ":4")


def test_flags() -> None:
    assert ask("tag", "artifact", "--ta") == (["--tag"], ":4")
    lines, _ = ask("push", "artifact", "-")
    inherited, own = lines.index("--verbose"), lines.index("--annotations")
    assert inherited < own < lines.index("--help")
    assert "-a" in lines
    assert "--debug" not in ask("push", "artifact", "--debug", "--d")[0]
    assert ask("push", "artifact", "-a", "x=y", "--ann") == (["--annotations"], ":4")
    assert ask("push", "artifact", "--", "-") == ([], ":0")
    assert ask("push", "artifact", "--nosuch", "") == ([], ":0")
    assert ask("push", "artifact", "--help", "") == ([], ":4")


def test_values() -> None:
    assert ask("push", "artifact", "--provider", "a") == (["aws", "azure"], ":4")
    assert ask("push", "artifact", "--provider=g") == (["generic", "gcp"], ":4")
    assert ask("push", "artifact", "-o", "") == (["json", "yaml"], ":4")
    assert ask("push", "artifact", "--path", "") == ([], ":0")
    assert ask("push", "artifact", "--source", "--provider", "a") == ([], ":0")


def test_unknown_commands() -> None:
    assert ask("nosuch", "") == ([], ":0")
    assert ask("push", "nosuch", "") == ([], ":0")


def test_plugins_complete_themselves(tmp_path: Path) -> None:
    plugin = tmp_path / "flux-hey"
    plugin.write_text("#!/bin/sh\nprintf '%s\\n' \"$*\" 'two\tsecond' :4\n")
    plugin.chmod(0o755)
    environ = {"FLUXCD_PLUGINS": str(tmp_path), "PATH": "/bin"}
    assert ask("hey", "a", "b", **environ) == (["__complete a b", "two"], ":4")
    assert "hey" in ask("h", **environ)[0]


class Api:
    def __init__(self) -> None:
        self.delay = 0.0
        self.paths: list[str] = []
        self.logins: list[str | None] = []
        self.kubeconfig = ""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    state = Api()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.paths.append(self.path)
            state.logins.append(self.headers["Authorization"])
            time.sleep(state.delay)
            names = ["flux-system", "apps"] if "namespaces?" in self.path + "?" else ["app-a", "app-b", "infra"]
            body = json.dumps({"kind": "List", "items": [{"metadata": {"name": name}} for name in names]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    config = tmp_path / "kubeconfig"
    cluster = {"server": f"http://127.0.0.1:{server.server_address[1]}"}
    config.write_text(
        json.dumps(
            {
                "current-context": "one",
                "clusters": [{"name": "c", "cluster": cluster}],
                "contexts": [{"name": name, "context": {"cluster": "c"}} for name in ("one", "two")],
            }
        )
    )
    state.kubeconfig = str(config)
    yield state
    server.shutdown()
    server.server_close()


def test_live_names(api: Api) -> None:
    environ = {"KUBECONFIG": api.kubeconfig}
    assert ask("get", "ks", "app", **environ) == (["app-a", "app-b"], ":4")
    assert api.paths[-1] == "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations"
    assert ask("suspend", "source", "git", "-n", "apps", "i", **environ) == (["infra"], ":4")
    assert api.paths[-1] == "/apis/source.toolkit.fluxcd.io/v1/namespaces/apps/gitrepositories"
    assert ask("get", "ks/i", **environ) == (["ks/infra"], ":4")
    assert ask("delete", "gitrepo/i", **environ) == (["gitrepo/infra"], ":4")
    assert ask("get", "ks,hr", "i", **environ) == (["infra"], ":4")
    assert api.paths[-1] == "/apis/helm.toolkit.fluxcd.io/v2/namespaces/flux-system/helmreleases"
    assert ask("get", "ks,nope", "", **environ) == ([], ":0")
    assert ask("suspend", "ks,h", **environ) == (["ks,hr", "ks,helmrepo", "ks,hc"], ":4")
    assert ask("get", "ks", "-n", "", **environ) == (["flux-system", "apps"], ":4")
    assert ask("get", "ks", "--context", "", **environ) == (["one", "two"], ":4")
    assert ask("--kubeconfig", api.kubeconfig, "get", "ks", "--context=t") == (["two"], ":4")


@pytest.mark.parametrize("command", [["create", "secret", "receiver", "x"], ["trigger", "receiver"]])
def test_a_token_of_the_command_is_no_login_to_the_cluster(api: Api, command: list[str]) -> None:
    words = [*command, "--token", "for-the-webhook", "-n", ""]
    assert ask(*words, KUBECONFIG=api.kubeconfig) == (["flux-system", "apps"], ":4")
    assert api.logins == [None]


def test_no_cluster_is_no_crash() -> None:
    assert ask("get", "ks", "") == ([], ":1")


def test_a_slow_cluster_is_given_up(api: Api) -> None:
    api.delay = 10
    start = time.monotonic()
    assert ask("get", "ks", "", KUBECONFIG=api.kubeconfig) == ([], ":1")
    assert time.monotonic() - start < 6


def test_imports_are_few() -> None:
    code = (
        "import sys; from pyflux.cli.main import run; run(['__complete', 'get', 'ks', '--']);"
        "print([m for m in ('typer', 'rich', 'kubernetes', 'dulwich', 'ruamel.yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# -- real shells

_BIN = str(Path(sys.executable).parent)


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self, argv: list[str], folder: Path) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environ = {
                "PATH": f"{_BIN}:/usr/bin:/bin",
                "TERM": "dumb",
                "HOME": str(folder),
                "PS1": "% ",
                "LANG": "C.UTF-8",
            }
            os.chdir(folder)
            os.execve(argv[0], argv, environ)

    def type(self, text: str, until: str, seconds: float = 30.0) -> str:
        """Types, and reads until `until` shows up."""
        os.write(self.fd, text.encode())
        seen, end = "", time.monotonic() + seconds
        while until not in seen and time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    seen += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    break
        assert until in seen, repr(seen)
        return seen

    def close(self) -> None:
        os.close(self.fd)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


_START = {
    "bash": (["--norc", "--noprofile", "-i"], "bind 'set bell-style none'; . <(pyflux completion bash)"),
    "zsh": (["-f", "-i"], "autoload -U compinit; compinit -u -D; . <(pyflux completion zsh)"),
}


@pytest.mark.parametrize("name", sorted(_START))
def test_in_a_shell(name: str, tmp_path: Path) -> None:
    program = shutil.which(name)
    if program is None or shutil.which("pyflux", path=_BIN) is None:
        pytest.skip(f"needs {name} and an installed pyflux")
    flags, start = _START[name]
    shell = Shell([program, *flags], tmp_path)
    try:
        shell.type(f"PS1='% '; {start}; echo rea''dy\n", "ready")
        for typed, until in (
            ("pyflux completion z\t", "completion zsh "),
            ("pyflux push artifact --prov\t", "--provider "),
            ("pyflux push artifact --provider=az\t", "--provider=azure "),
            ("pyflux push artifact --provider ge\t", "--provider generic "),
        ):
            shell.type(typed, until)
            shell.type("\x15", "")
        (tmp_path / "some-file").write_text("")
        shell.type("pyflux push artifact --path some-\t", "--path some-file ")
    finally:
        shell.close()


def test_in_fish(tmp_path: Path) -> None:
    fish = shutil.which("fish")
    if fish is None or shutil.which("pyflux", path=_BIN) is None:
        pytest.skip("needs fish and an installed pyflux")
    script = (
        "pyflux completion fish | source; complete -C'pyflux completion z';"
        "complete -C'pyflux push artifact --provider='; complete -C'pyflux push artifact --path some-'"
    )
    (tmp_path / "some-file").write_text("")
    environ = {"PATH": f"{_BIN}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [fish, "--no-config", "-c", script], capture_output=True, text=True, env=environ, cwd=tmp_path, check=True
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [
        "zsh",
        "--provider=aws",
        "--provider=azure",
        "--provider=gcp",
        "--provider=generic",
        "some-file",
    ]


def test_powershell_script_names_the_programs() -> None:
    out = io.StringIO()
    assert main.run(["completion", "powershell"], Env(stdout=out, stderr=io.StringIO(), environ={})) == 0
    assert "Register-ArgumentCompleter -Native -CommandName 'pyflux', 'flux'" in out.getvalue()
