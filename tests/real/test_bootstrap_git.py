"""`bootstrap git` on a real API server with the official controllers, over real git servers."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real import bootstrap_world as world
from tests.real.cluster import RealCluster
from tests.real.githttp import GitHTTPServer
from tests.real.gitrepos import BareRepository
from tests.real.sshd import SSHGitServer

pytestmark = pytest.mark.real

PASSWORD = "s3cret-of-the-test"
KILLS = 20
FOLDER = "clusters/a/flux-system"


@pytest.fixture(scope="module")
def cluster() -> Iterator[RealCluster]:
    """A whole cluster with source- and kustomize-controller, which wait for their CRDs."""
    reason = RealCluster.missing(*world.CONTROLLERS)
    if reason:
        pytest.skip(reason)
    with RealCluster() as made:
        made.start_controllers(*world.CONTROLLERS, wait_for_crds=True)
        yield made


@pytest.fixture
def http(tmp_path: Path) -> Iterator[GitHTTPServer]:
    root = tmp_path / "served"
    root.mkdir()
    with GitHTTPServer(root, username="git", password=PASSWORD) as server:
        yield server


@pytest.fixture
def env(cluster: RealCluster, tmp_path: Path) -> Iterator[dict[str, str]]:
    home = tmp_path / "home"
    home.mkdir()
    yield world.environment(cluster, home, {"GIT_PASSWORD": PASSWORD})
    world.forget(cluster)


def words(http: GitHTTPServer, name: str = "fleet", *more: str) -> list[str]:
    address = http.url_of(name)
    return [
        "git",
        f"--url={address}",
        "--allow-insecure-http",
        "--token-auth",
        "--path=clusters/a",
        "--timeout=120s",
        *more,
    ]


def test_from_an_empty_repository_and_again(cluster: RealCluster, http: GitHTTPServer, env: dict[str, str]) -> None:
    repository = http.create("fleet")
    said = world.must(env, *words(http))
    assert "committed component manifests" in said
    assert "all components are healthy" in said
    assert PASSWORD not in said
    assert sorted(world.tree(repository)) == [
        f"{FOLDER}/gotk-components.yaml",
        f"{FOLDER}/gotk-sync.yaml",
        f"{FOLDER}/kustomization.yaml",
    ]
    source, kustomization = world.sync_objects(cluster)
    head = repository.head()
    assert source["status"]["artifact"]["revision"] == f"main@sha1:{head}"
    assert kustomization["status"]["lastAppliedRevision"] == f"main@sha1:{head}"
    assert world.secret(cluster) == {"username": "git", "password": PASSWORD}
    again = world.must(env, *words(http))
    assert "component manifests are up to date" in again
    assert "sync manifests are up to date" in again
    assert repository.head() == head


def test_over_ssh_with_a_key(cluster: RealCluster, ssh_git: SSHGitServer, env: dict[str, str]) -> None:
    repository = ssh_git.create("fleet")
    env.pop("GIT_PASSWORD")
    args = ["git", f"--url={ssh_git.url_of('fleet')}", "--path=clusters/a", "--timeout=120s"]
    for more in ([], ["--silent"]):
        refused = world.run(env, *args, *more)
        assert refused.returncode == 1
        assert "the host key of" in refused.stderr
        assert repository.git("for-each-ref") == ""
    key = f"--private-key-file={ssh_git.client_key}"
    aborted = world.run(env, *args, key, stdin="n\n")
    assert aborted.returncode == 1
    assert "aborting" in aborted.stderr
    said = world.must(env, *args, key, "--silent")
    assert "trusting the keys it shows: SHA256:" in said
    entries = world.secret(cluster)
    assert sorted(entries) == ["identity", "identity.pub", "known_hosts"]
    assert entries["identity"] == ssh_git.client_key.read_text()
    assert set(entries["known_hosts"].splitlines()) == set(ssh_git.known_hosts.splitlines())
    source, _ = world.sync_objects(cluster)
    assert source["spec"]["url"] == ssh_git.url_of("fleet")
    assert source["status"]["artifact"]["revision"] == f"main@sha1:{repository.head()}"


def test_a_deploy_key_is_made_for_the_cluster(cluster: RealCluster, ssh_git: SSHGitServer, env: dict[str, str]) -> None:
    """The person pushes with a key of their own from ssh_config; the cluster gets a new one."""
    ssh_git.create("fleet")
    env.pop("GIT_PASSWORD")
    folder = Path(env["HOME"]) / ".ssh"
    folder.mkdir(mode=0o700)
    (folder / "known_hosts").write_text(ssh_git.known_hosts)
    (folder / "config").write_text(f"Host 127.0.0.1\n  IdentityFile {ssh_git.client_key}\n")
    args = [
        "git",
        f"--url={ssh_git.url_of('fleet')}",
        "--path=clusters/a",
        "--timeout=120s",
        "--ssh-key-algorithm=ed25519",
    ]
    process = subprocess.Popen(
        [*world.PYFLUX, "bootstrap", *args],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "public key:" in line:
            ssh_git.authorize(line.partition("public key: ")[2])
            process.stdin.write("y\n")
            process.stdin.flush()
    assert process.wait(120) == 0, said
    assert world.secret(cluster)["identity.pub"].startswith("ssh-ed25519 ")
    assert "source secret up to date" in world.must(env, *args)


def test_the_users_own_edits_are_kept(cluster: RealCluster, http: GitHTTPServer, env: dict[str, str]) -> None:
    repository = http.create("fleet")
    own = (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "resources:\n- gotk-components.yaml\n- gotk-sync.yaml\n- extra.yaml\n"
        "patches:\n- target: {kind: Deployment, name: source-controller}\n"
        "  patch: |\n    - {op: add, path: /metadata/annotations, value: {edited: by-hand}}\n"
    )
    extra = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: extra\n  namespace: flux-system\n"
    repository.commit({f"{FOLDER}/kustomization.yaml": own, f"{FOLDER}/extra.yaml": extra, "README.md": "mine"})
    world.must(env, *words(http))
    assert repository.read(f"{FOLDER}/kustomization.yaml") == own.rstrip("\n")
    assert repository.read("README.md") == "mine"
    deployment = cluster.must("GET", "/apis/apps/v1/namespaces/flux-system/deployments/source-controller")
    assert deployment["metadata"]["annotations"]["edited"] == "by-hand"
    cluster.must("GET", "/api/v1/namespaces/flux-system/configmaps/extra")


def test_an_older_installation_is_upgraded(cluster: RealCluster, http: GitHTTPServer, env: dict[str, str]) -> None:
    repository = http.create("fleet")
    world.must(env, *words(http))
    old = (repository.read(f"{FOLDER}/gotk-components.yaml") or "").replace("v2.9.4", "v2.8.0") + "\n"
    repository.commit({f"{FOLDER}/gotk-components.yaml": old, "apps/mine.yaml": "a: 1\n"}, "An older release")
    said = world.must(env, *words(http))
    assert "committed component manifests" in said
    assert "sync manifests are up to date" in said
    assert "v2.8.0" not in (repository.read(f"{FOLDER}/gotk-components.yaml") or "")
    assert repository.read("apps/mine.yaml") == "a: 1"
    _, kustomization = world.sync_objects(cluster)
    assert kustomization["status"]["lastAppliedRevision"] == f"main@sha1:{repository.head()}"


def test_a_partial_installation_is_completed(cluster: RealCluster, http: GitHTTPServer, env: dict[str, str]) -> None:
    http.create("fleet")
    world.must(env, *words(http))
    path = "/apis/apps/v1/namespaces/flux-system/deployments/kustomize-controller"
    cluster.must("DELETE", path)
    world._gone(cluster, path)
    assert "installed components" in world.must(env, *words(http))
    cluster.must("GET", path)


def test_another_path_is_not_overwritten(cluster: RealCluster, http: GitHTTPServer, env: dict[str, str]) -> None:
    http.create("fleet")
    world.must(env, *words(http))
    done = world.run(env, *[word.replace("clusters/a", "clusters/b") for word in words(http)])
    assert done.returncode == 1
    assert 'sync path configuration ("./clusters/b") would overwrite path ("./clusters/a")' in done.stderr


def test_options_reach_the_manifests(cluster: RealCluster, http: GitHTTPServer, env: dict[str, str]) -> None:
    repository = http.create("fleet", "prod")
    world.must(
        env,
        *words(
            http, "fleet", "--branch=prod", "--author-name=Ops", "--author-email=ops@example.com",
            "--commit-message-appendix=[ci skip]", "--interval=7m", "--secret-name=login", "--recurse-submodules",
            "--components=source-controller,kustomize-controller", "--registry=registry.example.com/flux",
            "--image-pull-secret=pull", "--registry-creds=user:" + PASSWORD, "--toleration-keys=only-flux",
        ),
    )  # fmt: skip
    assert repository.git("log", "-1", "--format=%an <%ae>%n%B", "prod") == (
        "Ops <ops@example.com>\nAdd Flux sync manifests\n\n[ci skip]"
    )
    source, _ = world.sync_objects(cluster)
    assert source["spec"]["interval"] == "7m0s"
    assert source["spec"]["secretRef"] == {"name": "login"}
    assert source["spec"]["recurseSubmodules"] is True
    assert f'"username":"user","password":"{PASSWORD}"' in world.secret(cluster, name="pull")[".dockerconfigjson"]
    text = repository.read(f"{FOLDER}/gotk-components.yaml", "prod") or ""
    assert "image: registry.example.com/flux/source-controller:" in text
    assert "helm-controller" not in text.partition("apiVersion")[0]
    cluster.must("DELETE", "/api/v1/namespaces/flux-system/secrets/pull")
    cluster.must("DELETE", "/api/v1/namespaces/flux-system/secrets/login")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--branch=nope"], "has no branch nope"),
        (["--password=wrong-password-here"], "refused the login (401)"),
        (["--url=http://127.0.0.1:1/fleet.git"], "cannot be reached"),
        (["--url=http://nothing.invalid/fleet.git"], "does not resolve"),
        (["--url={http}/nope.git"], "there is no Git repository at"),
        (["--allow-insecure-http=false"], "scheme http is insecure"),
        (["--url=ftp://example.com/x"], 'has the scheme "ftp"'),
        (["--url=git@example.com:me/x.git"], "the repository URL"),
        (["--components=source-controller"], "component kustomize-controller is required"),
        (["--registry-creds=a:b"], "--registry-creds requires --image-pull-secret"),
        (["--private-key-file=/nothing/here"], "cannot be read: No such file"),
        (["--ca-file=/nothing/here"], "cannot be read: No such file"),
    ],
)
def test_errors_are_one_line(
    cluster: RealCluster, http: GitHTTPServer, env: dict[str, str], change: list[str], message: str
) -> None:
    repository = http.create("fleet")
    repository.commit({"README.md": "x"})
    before = repository.head()
    done = world.run(env, *words(http), *[word.replace("{http}", http.url) for word in change])
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    assert "wrong-password-here" not in done.stdout + done.stderr
    assert repository.head() == before
    failures = [line for line in done.stderr.splitlines() if line.startswith("✗")]
    assert len(failures) == 1


def test_check_changes_nothing(cluster: RealCluster, http: GitHTTPServer, env: dict[str, str]) -> None:
    repository = http.create("fleet")
    good = world.run(env, *words(http), "--check")
    assert good.returncode == 0, good.stderr
    assert "the login may push" in good.stderr
    bad = world.run({**env, "GIT_PASSWORD": "wrong-password-here"}, *words(http), "--check")
    assert bad.returncode == 1
    assert "1 thing is missing" in bad.stderr
    assert repository.head() is None


def test_export_needs_neither_host_nor_cluster(env: dict[str, str], tmp_path: Path) -> None:
    offline = {**env, "KUBECONFIG": "/nothing"}
    args = ["git", "--url=https://git.invalid/x.git", "--token-auth", "--path=clusters/a", f"--export={tmp_path}/out"]
    world.must(offline, *args)
    names = sorted(path.name for path in (tmp_path / "out" / FOLDER).iterdir())
    assert names == ["gotk-components.yaml", "gotk-sync.yaml", "kustomization.yaml"]


def test_a_branch_that_moves_meanwhile(cluster: RealCluster, http: GitHTTPServer, env: dict[str, str]) -> None:
    """A hook commits somebody else's change in the moment before each of the first two pushes is taken."""
    repository = http.create("fleet")
    repository.commit({"README.md": "0"})
    script = repository.path / "hooks" / "pre-receive"
    script.write_text(
        "#!/bin/sh\n"
        'count=$(cat "$PWD/count" 2>/dev/null || echo 0)\n'
        '[ "$count" -ge 2 ] && exit 0\n'
        'echo $((count + 1)) > "$PWD/count"\n'
        "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n"
        "parent=$(git rev-parse refs/heads/main)\n"
        'commit=$(git commit-tree -p "$parent" -m "theirs $count" "$parent^{tree}")\n'
        'git update-ref refs/heads/main "$commit"\nexit 0\n'
    )
    script.chmod(0o755)
    said = world.must(env, *words(http))
    assert said.count("git conflict detected, retrying with a fresh clone") == 2
    subjects = repository.git("log", "--format=%s").splitlines()
    assert subjects == [
        "Add Flux sync manifests", "Add Flux v2.9.4 component manifests", "theirs 1", "theirs 0", "Change",
    ]  # fmt: skip


@pytest.mark.slow
def test_killed_at_any_moment_a_second_run_ends_in_the_same_state(
    cluster: RealCluster, http: GitHTTPServer, env: dict[str, str]
) -> None:
    def state(name: str) -> dict[str, Any]:
        for _ in range(120):
            source, kustomization = world.sync_objects(cluster, name)
            if all((world.ready(obj) or ("",))[0] == "True" for obj in (source, kustomization)):
                break
            time.sleep(0.5)  # the controllers may look again because of the second run
        files = world.tree(BareRepository(http.root / f"{name}.git"))
        return {
            "files": {path.replace(name, "NS"): text.replace(name, "NS") for path, text in files.items()},
            "source": {**source["spec"], "url": ""},
            "kustomization": kustomization["spec"],
            "secret": world.secret(cluster, name),
            "ready": (world.ready(source) or ("",))[0] + (world.ready(kustomization) or ("",))[0],
        }

    def args(name: str) -> list[str]:
        return [*words(http, name), "-n", name]

    http.create("flux-whole")
    start = time.monotonic()
    world.must(env, *args("flux-whole"))
    whole = time.monotonic() - start
    expected = state("flux-whole")
    expected["source"]["secretRef"] = {"name": "flux-system"}
    world.forget(cluster, "flux-whole")
    moments, killed = random.Random(7), 0
    for number in range(KILLS):
        name = f"flux-{number}x"
        http.create(name)
        process = subprocess.Popen(
            [*world.PYFLUX, "bootstrap", *args(name)],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        moment = moments.uniform(0.3, max(whole * 0.8, 1.0))
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            killed += 1
            process.send_signal(signal.SIGKILL)
            process.wait()
        world.must(env, *args(name))
        found = _named_alike(state(name), name)
        assert found == _named_alike(expected, "flux-whole"), f"killed after {moment:.2f} s"
        world.forget(cluster, name)
    assert killed >= KILLS // 2


def _named_alike(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _named_alike(item, name) for key, item in value.items()}
    return value.replace(name, "NS") if isinstance(value, str) else value


def _flux() -> str | None:
    return os.environ.get("FLUX") or shutil.which("flux")


@pytest.mark.skipif(_flux() is None, reason="no reference flux: set FLUX to its path")
def test_says_and_leaves_what_flux_does(cluster: RealCluster, http: GitHTTPServer, env: dict[str, str]) -> None:
    flux = _flux()
    assert flux is not None
    results = []
    for name, command in (("theirs", [flux]), ("ours", world.PYFLUX)):
        repository = http.create(name)
        said = [world.must(env, *words(http, name), command=command) for _ in range(2)]
        source, kustomization = world.sync_objects(cluster)
        files = world.tree(repository)
        files[f"{FOLDER}/gotk-components.yaml"] = files[f"{FOLDER}/gotk-components.yaml"].partition("\n---\n")[0]
        results.append(
            {
                "said": [re.sub(r"[0-9a-f]{40}", "SHA", text.replace(name, "NAME")) for text in said],
                "files": {path: text.replace(name, "NAME") for path, text in files.items()},
                "commits": repository.git("log", "--format=%an|%ae|%cn|%ce|%B"),
                "source": {**source["spec"], "url": ""},
                "kustomization": kustomization["spec"],
                "secret": world.secret(cluster),
            }
        )
        world.forget(cluster)
    assert results[0] == results[1]
