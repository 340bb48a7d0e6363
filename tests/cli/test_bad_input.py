"""What a user gets for a mistake: one clear line, at most one more with a way out, the right exit code, no traceback.

Each case runs the installed program as a process of its own, on an embedded cluster where it needs one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import asyncssh
import pytest

from pyflux.kube.kubeconfig import parse_kubeconfig
from tests.real.githttp import GitHTTPServer

PROGRAM = str(Path(sys.executable).with_name("pyflux"))
SECRET = "hunter2-never-shown"
MAX_LINES = 2


class Result(NamedTuple):
    """Exit code, and what was written."""

    code: int
    out: str
    err: str

    @property
    def failure(self) -> list[str]:
        """The lines from the first ✗ on."""
        lines = self.err.splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("✗")]
        return lines[starts[0] :] if starts else []


class World:
    """A home directory of the test's own, and the environment of its commands."""

    def __init__(self, home: Path) -> None:
        self.home = home
        kept = ("PATH", "LANG", "LC_ALL", "TMPDIR")
        self.environ = {name: os.environ[name] for name in kept if name in os.environ}
        self.environ |= {"HOME": str(home), "NO_COLOR": "1", "PYFLUX_HOME": str(home / "pyflux")}

    def start(self, *words: str, environ: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, *words],
            env={**self.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
        )

    def run(self, *words: str, environ: Mapping[str, str] | None = None) -> Result:
        process = self.start(*words, environ=environ)
        out, err = process.communicate(timeout=120)
        return Result(process.returncode, out, err)

    def shell(self, line: str, environ: Mapping[str, str] | None = None) -> Result:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            env={**self.environ, **(environ or {}), "PYFLUX": PROGRAM},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=self.home,
        )
        return Result(done.returncode, done.stdout, done.stderr)


def check(result: Result, text: str, code: int = 1) -> None:
    """One clear line that holds `text`, at most one more, no traceback and no secret."""
    everything = result.out + result.err
    assert "Traceback" not in everything, everything
    assert SECRET not in everything
    assert result.code == code, everything
    assert result.failure, everything
    assert text in result.failure[0], everything
    assert len(result.failure) <= MAX_LINES, everything


@pytest.fixture
def alone(tmp_path: Path) -> World:
    """No cluster, no kubeconfig."""
    return World(tmp_path)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An embedded cluster with controllers, and Flux installed."""
    world = World(tmp_path_factory.mktemp("bad-input"))
    started = world.run("sandbox", "start")
    try:
        assert started.code == 0, started.err
        world.environ["KUBECONFIG"] = str(world.home / "pyflux" / "sandbox" / "pyflux" / "kubeconfig")
        # before the installation: a cluster that has no CRDs
        missing = world.run("get", "kustomizations")
        check(missing, 'no matches for kind "Kustomization"')
        assert "pyflux install" in missing.failure[1]
        installed = world.run("install")
        assert installed.code == 0, installed.err
        yield world
    finally:
        world.run("sandbox", "delete")


# -- the command line


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["nosuch"], 'unknown command "nosuch" for "flux"'),
        (["get", "ks", "--nosuch"], "unknown flag: --nosuch"),
        (["get", "ks", "-z"], "unknown shorthand flag: 'z' in -z"),
        (["get", "ks", "-n"], "flag needs an argument: 'n' in -n"),
        (["get", "ks", "--timeout", "5"], 'invalid argument "5" for "--timeout" flag: time: missing unit in duration'),
        (["get", "ks", "-n", "UPPER"], 'namespace must be a valid DNS label: "UPPER"'),
        (["get", "ks", "-o", "xml"], 'output format "xml"'),
        (["suspend", "ks"], "kustomization name is required"),
        (["create", "source", "git"], "name is required"),
        (["create", "source", "git", "web", "--url", "::"], "git URL parse failed"),
        (["install", "extra"], 'unknown command "extra" for "flux install"'),
        (["install", "--export", "--components=nosuch"], "component nosuch is not available"),
        (["install", "--export", "--log-level=loud"], "unsupported log level 'loud'"),
        (["debug", "ks"], "accepts 1 arg(s), received 0"),
        (["trace"], "is required as an argument"),
        (["build", "ks", "x"], 'invalid resource path ""'),
        (["get", "ks", "--as-group", "x"], "no cluster"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line(alone: World, words: list[str], text: str) -> None:
    check(alone.run(*words), text)


# -- the kubeconfig


def test_no_kubeconfig(alone: World) -> None:
    result = alone.run("get", "kustomizations")
    check(result, "no cluster in ~/.kube/config")
    assert "--kubeconfig" in result.failure[1]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"apiVersion: [", "error loading config file"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[1, 2]", "is not a kubeconfig"),
        (b"", "no cluster in"),
    ],
)
def test_a_kubeconfig_that_is_none(alone: World, content: bytes, text: str) -> None:
    (alone.home / "config").write_bytes(content)
    check(alone.run("get", "kustomizations", environ={"KUBECONFIG": "config"}), text)


def test_a_kubeconfig_that_is_not_there(alone: World) -> None:
    check(alone.run("get", "kustomizations", "--kubeconfig", "absent"), "stat absent: no such file or directory")


def test_a_kubeconfig_that_is_a_folder(alone: World) -> None:
    check(alone.run("get", "kustomizations", "--kubeconfig", "."), "read .: is a directory")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--context", "nope"], 'context "nope" does not exist'),
        (["--cluster", "nope"], 'cluster "nope" does not exist'),
        (["--user", "nope"], 'auth info "nope" does not exist'),
        (["--token", SECRET], "refused the login"),
        (["--server", "https://127.0.0.1:1"], "cannot reach the Kubernetes API server at https://127.0.0.1:1: "),
        (["--server", "https://no.such.host.invalid"], "no such host"),
        (["--server", "ftp://127.0.0.1"], "bad address of the API server"),
        (["--certificate-authority", "/etc/hostname"], "holds no PEM certificate"),
        (["--client-certificate", "/etc/hostname", "--client-key", "/etc/hostname"], "client certificate"),
        (["--tls-server-name", "elsewhere"], "its certificate is not trusted"),
        (["--as", "nobody"], 'User "nobody" cannot list resource "kustomizations"'),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_cluster_that_does_not_answer_as_wished(cluster: World, words: list[str], text: str) -> None:
    check(cluster.run("get", "kustomizations", *words), text)


def test_a_server_that_is_no_api_server(cluster: World) -> None:
    with GitHTTPServer() as web:
        address = "/".join(web.url_of("x").split("/")[:3])
        result = cluster.run("get", "kustomizations", "--server", address)
    assert "Traceback" not in result.err
    assert result.code == 1


def test_the_wrong_certificate_authority(cluster: World) -> None:
    with GitHTTPServer(tls=True) as other:
        result = cluster.run("get", "kustomizations", "--certificate-authority", str(other.ca))
    check(result, "its certificate is not trusted")
    assert "--certificate-authority" in result.failure[1]


def test_rights_that_are_missing_are_named(cluster: World) -> None:
    for words in (["reconcile", "kustomization", "x"], ["delete", "kustomization", "x", "-s"]):
        check(cluster.run(*words, "--as", "nobody"), 'User "nobody" cannot get resource "kustomizations"')


@pytest.mark.parametrize("verb", ["get", "reconcile", "export"])
def test_an_object_that_is_not_there(cluster: World, verb: str) -> None:
    check(cluster.run(verb, "kustomization", "absent"), "not found")


# -- Git


def bootstrap(world: World, url: str, *more: str) -> Result:
    login = ["--token-auth", "--username", "u", "--password", SECRET, "--allow-insecure-http"]
    if url.startswith("ssh:"):
        login = []
    return world.run("bootstrap", "git", "--url", url, "--branch", "main", "--path", "c", "-s", *login, *more)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:1/x.git", "connection refused"),
        ("https://no.such.host.invalid/x.git", "does not resolve"),
        ("ssh://git@127.0.0.1:1/x.git", "127.0.0.1:1 cannot be reached: connection refused"),
        ("file:///nowhere", "there is no Git repository at file:///nowhere"),
    ],
)
def test_a_git_host_that_cannot_be_reached(cluster: World, url: str, text: str) -> None:
    check(bootstrap(cluster, url), text)


def test_git_logins_and_repositories(cluster: World) -> None:
    with GitHTTPServer(username="u", password="another") as host:
        host.create("fleet")
        check(bootstrap(cluster, host.url_of("fleet")), "refused the login (401)")
    with GitHTTPServer() as host:
        check(bootstrap(cluster, host.url_of("absent")), "there is no Git repository at")
    with GitHTTPServer(tls=True) as host:
        host.create("fleet")
        result = bootstrap(cluster, host.url_of("fleet"))
        check(result, "is not trusted")
        assert "--ca-file" in result.failure[1]


@pytest.fixture
def ssh_port() -> Iterator[int]:
    """An SSH server with a host key that nobody knows."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    key = asyncssh.generate_private_key("ssh-ed25519")

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key])

    acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result(20)
    yield acceptor.get_port()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


@pytest.fixture
def ssh_key(cluster: World) -> Iterator[str]:
    """A private key file, and a .ssh folder without known hosts; the folder is gone afterwards."""
    key = cluster.home / "id"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(key))
    key.chmod(0o600)
    folder = cluster.home / ".ssh"
    folder.mkdir()
    yield str(key)
    shutil.rmtree(folder)


def test_an_unknown_host_is_refused_without_a_question(cluster: World, ssh_port: int, ssh_key: str) -> None:
    """--silent is about the deploy key: it makes no host trusted."""
    result = bootstrap(cluster, f"ssh://git@127.0.0.1:{ssh_port}/x.git")
    check(result, f"the host key of 127.0.0.1:{ssh_port} is not known")
    assert f"ssh-keyscan -p {ssh_port} 127.0.0.1" in result.failure[1]


def test_the_keys_of_an_unknown_host_are_shown_before_they_are_trusted(
    cluster: World, ssh_port: int, ssh_key: str
) -> None:
    result = bootstrap(cluster, f"ssh://git@127.0.0.1:{ssh_port}/x.git", "--private-key-file", ssh_key)
    warning = next(line for line in result.err.splitlines() if "known_hosts" in line)
    assert warning.startswith("⚠️ the host 127.0.0.1 is not in ~/.ssh/known_hosts; trusting the keys it shows: SHA256:")
    check(result, f"127.0.0.1:{ssh_port} refused the SSH login")


def test_a_host_key_that_is_not_the_known_one(cluster: World, ssh_port: int, ssh_key: str) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    line = f"[127.0.0.1]:{ssh_port} {other.export_public_key().decode()}"
    (cluster.home / ".ssh" / "known_hosts").write_text(line)
    result = bootstrap(cluster, f"ssh://git@127.0.0.1:{ssh_port}/x.git", "--private-key-file", ssh_key)
    check(result, "host key")


# -- what a repository holds


@pytest.fixture(scope="module")
def repository(cluster: World) -> str:
    """A repository with one good and one broken folder, served by the sandbox; its URL."""
    folder = cluster.home / "work"
    (folder / "good").mkdir(parents=True)
    (folder / "bad").mkdir()
    (folder / "good" / "cm.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n"
    )
    (folder / "bad" / "cm.yaml").write_text("apiVersion: [\n")
    line = cluster.run("sandbox", "env").out.split("PYFLUX_SANDBOX_GIT=")[1].splitlines()[0].strip("'\"")
    url = f"{line}/fleet.git"
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        [*identity, "commit", "-q", "-m", "Begin"],
        ["push", "-q", url, "main"],
    ):
        subprocess.run(["git", *words], cwd=folder, env=cluster.environ, check=True, timeout=60, capture_output=True)
    made = cluster.run("create", "source", "git", "fleet", "--url", url, "--branch", "main")
    assert made.code == 0, made.err
    return url


def test_a_branch_that_is_not_there(cluster: World, repository: str) -> None:
    words = ["--url", repository, "--branch", "absent", "--timeout", "10s"]
    result = cluster.run("create", "source", "git", "wrong-branch", *words)
    check(result, "deadline exceeded")
    assert "has no branch absent" in result.failure[1]


def test_yaml_that_cannot_be_read(cluster: World, repository: str) -> None:
    words = ["--source", "GitRepository/fleet", "--path", "bad", "--timeout", "15s"]
    result = cluster.run("create", "kustomization", "bad", *words)
    check(result, "deadline exceeded")
    assert "bad/cm.yaml: MalformedYAMLError" in result.failure[1]


def test_dependencies_in_a_circle(cluster: World, repository: str) -> None:
    words = ["--source", "GitRepository/fleet", "--path", "good", "--timeout", "2s"]
    cluster.run("create", "kustomization", "one", "--depends-on", "two", *words)
    cluster.run("create", "kustomization", "two", "--depends-on", "one", *words)
    deadline = time.monotonic() + 60
    while "circular dependency" not in (shown := cluster.run("get", "kustomization", "two").out):
        assert time.monotonic() < deadline, shown
        time.sleep(0.5)
    assert "flux-system/two -> flux-system/one -> flux-system/two" in shown


# -- streams and signals


def test_ctrl_c_ends_a_wait_at_once(cluster: World, repository: str) -> None:
    words = ["--source", "GitRepository/fleet", "--path", "bad"]
    process = cluster.start("create", "kustomization", "waiting", *words)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("◎"):
            break
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    rest = process.communicate(timeout=30)[1]
    assert process.returncode == 130, rest
    assert rest.splitlines() == ["✗ interrupted"]
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away(alone: World, unbuffered: str) -> None:
    script = '{ "$PYFLUX" install --export; echo "$?" >&2; } | head -1'
    result = alone.shell(script, environ={"PYTHONUNBUFFERED": unbuffered})
    assert result.out == "---\n"
    assert result.err == "141\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_disk_that_is_full_in_the_middle(alone: World, unbuffered: str) -> None:
    """A limit on the size of files is one kind of it: the first part is taken, the rest is not."""
    script = 'trap "" XFSZ; ulimit -f 16; "$PYFLUX" install --export > "$HOME/out.yaml"'
    check(alone.shell(script, environ={"PYTHONUNBUFFERED": unbuffered}), "stdout: File too large")


def test_a_full_disk_under_temporary_files(alone: World) -> None:
    """What is read from stdin is put there first; it is more than the limit on the size of files."""
    (alone.home / "tmp").mkdir()
    script = 'trap "" XFSZ; ulimit -f 16; head -c 65536 /dev/zero | "$PYFLUX" push artifact oci://127.0.0.1:1/app:v1'
    script += " --path=- --source=x --revision=y"
    check(alone.shell(script, environ={"TMPDIR": str(alone.home / "tmp")}), "File too large")
    assert os.listdir(alone.home / "tmp") == []


@pytest.mark.parametrize(
    "environ", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}]
)
def test_utf8_in_every_locale(alone: World, environ: dict[str, str]) -> None:
    check(alone.run("reconcile", "nosuch", "--bad", environ=environ), "unknown flag: --bad")
    shown = alone.shell("echo 'ü: ${x:=é}' | \"$PYFLUX\" envsubst", environ=environ)
    assert (shown.out, shown.err) == ("ü: é\n", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", ["--version", "--help", "install --export", "completion bash"])
def test_a_full_disk(alone: World, words: str) -> None:
    check(alone.shell(f'"$PYFLUX" {words} > /dev/full'), "stdout: No space left on device")


def test_a_closed_output(alone: World) -> None:
    result = alone.shell('"$PYFLUX" --version >&-')
    assert (result.code, result.err) == (0, "")
    assert alone.shell('"$PYFLUX" nosuch 2>&-').code == 1


def test_a_folder_that_cannot_be_written(alone: World) -> None:
    (alone.home / "taken").write_text("a file where a folder is wanted")
    check(alone.run("sandbox", "start", environ={"PYFLUX_HOME": str(alone.home / "taken")}), "taken")


def test_the_sandbox_kubeconfig_is_for_its_owner_alone(cluster: World) -> None:
    path = Path(cluster.environ["KUBECONFIG"])
    assert path.stat().st_mode & 0o077 == 0
    assert parse_kubeconfig(path.read_text())["clusters"]


def test_the_program_is_installed() -> None:
    assert shutil.which(PROGRAM)
