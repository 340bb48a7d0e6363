"""Kubeconfigs are read as kubectl reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyflux.env import Env, KubeOptions
from pyflux.errors import ConfigError
from pyflux.kube.config import load
from pyflux.kube.kubeconfig import context_namespace


def write(path: Path, *, name: str, server: str, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
    path.write_text(
        json.dumps(
            {
                "current-context": name,
                "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": f"{name}-ns"}}],
                "clusters": [{"name": name, "cluster": {"server": server, **cluster}}],
                "users": [{"name": name, "user": user or {"token": f"token-{name}"}}],
            }
        )
    )
    return path


def env(*files: Path, environ: dict[str, str] | None = None, **options: Any) -> Env:
    chosen = KubeOptions()
    for key, value in options.items():
        setattr(chosen, key, value)
    listed = {"KUBECONFIG": ":".join(map(str, files))} if files else {"HOME": "/nonexistent"}
    return Env(environ={**listed, **(environ or {})}, kube=chosen)


def test_files_are_merged_and_the_first_wins(tmp_path: Path) -> None:
    one = write(tmp_path / "one", name="a", server="https://a.example")
    two = write(tmp_path / "two", name="b", server="https://b.example")
    again = write(tmp_path / "again", name="a", server="https://other.example")
    world = env(one, two, tmp_path / "missing", again)
    assert load(world).server == "https://a.example"
    assert context_namespace(world) == "a-ns"
    world.kube.context = "b"
    assert load(world).server == "https://b.example"
    assert load(world).token == "token-b"


def test_paths_are_relative_to_their_file(tmp_path: Path) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "ca.crt").write_text("PEM")
    file = write(folder / "config", name="a", server="https://a", **{"certificate-authority": "ca.crt"})
    assert load(env(file)).ca == b"PEM"


def test_flags_win_over_files(tmp_path: Path) -> None:
    file = write(tmp_path / "c", name="a", server="https://a", user={"exec": {"command": "aws"}})
    target = load(env(file, token="t", server="https://b", tls_server_name="n", as_user="me", as_groups=["g"]))
    assert (target.server, target.token, target.exec_plugin, target.server_name) == ("https://b", "t", None, "n")
    assert target.impersonate == [("Impersonate-User", "me"), ("Impersonate-Group", "g")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": "nope"}, 'context "nope" does not exist'),
        ({"cluster": "nope"}, 'cluster "nope" does not exist'),
        ({"user": "nope"}, 'auth info "nope" does not exist'),
        ({"kubeconfig": "/nonexistent"}, "stat /nonexistent: no such file or directory"),
        (
            {"certificate_authority": "/nonexistent"},
            "invalid configuration: unable to read certificate-authority /nonexistent for a due to "
            "open /nonexistent: no such file or directory",
        ),
        (
            {"client_certificate": "/dev/null"},
            "invalid configuration: client-key-data or client-key must be specified for a "
            "to use the clientCert authentication method.",
        ),
        (
            {"client_certificate": "/nonexistent"},
            "invalid configuration: [client-key-data or client-key must be specified for a to use the clientCert "
            "authentication method., unable to read client-cert /nonexistent for a due to "
            "open /nonexistent: no such file or directory]",
        ),
        (
            {"as_groups": ["g"]},
            "invalid configuration: requesting uid, groups or user-extra for a without impersonating a user",
        ),
        ({"as_user": "u", "as_user_extra": ["x"]}, "--as-user-extra wants key=value, not 'x'"),
    ],
)
def test_what_is_missing_is_named_in_the_words_of_clientcmd(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    file = write(tmp_path / "c", name="a", server="https://a")
    with pytest.raises(ConfigError) as caught:
        load(env(file, **options))
    assert caught.value.message == message


_WHOLE = """\
current-context: c
clusters: [{name: c, cluster: {server: "https://c"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "current-context: c",
            "current-context: z",
            "invalid configuration: context was not found for specified context: z",
        ),
        ("cluster: c, user", "cluster: z, user", 'cluster "z" of context "c" does not exist'),
        (
            "{token: t}",
            "{as-groups: [g]}",
            "invalid configuration: requesting uid, groups or user-extra for u without impersonating a user",
        ),
        (
            '{server: "https://c"}',
            '{server: "https://c", certificate-authority-data: "YQ%="}',
            'error loading config file "FILE": illegal base64 data at input byte 2',
        ),
        ("clusters: [{", "clusters: {a: b}\nx: [{", 'error loading config file "FILE": clusters is not a list'),
        ("{token: t}", "t", 'error loading config file "FILE": user of u is not a map'),
        (
            "users: [{name: u",
            "users: [\nname: ]u",
            'error loading config file "FILE": yaml: line 4: did not find expected',
        ),
        (_WHOLE, "- a\n", 'error loading config file "FILE": it is not a kubeconfig'),
        (_WHOLE, "", "there is no cluster in FILE"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "config"
    assert old in _WHOLE
    file.write_text(_WHOLE.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load(env(file))
    assert caught.value.message.startswith(message.replace("FILE", str(file)))


def test_a_user_that_is_not_there_is_anybody(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(_WHOLE.replace("user: u}", "user: z}"))
    target = load(env(file))
    assert (target.server, target.token, target.cert) == ("https://c", "", b"")


def test_flags_replace_what_the_file_has_in_itself(tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"own")
    data = {"certificate-authority-data": "YQ=="}
    file = write(tmp_path / "c", name="a", server="https://a", **data)
    assert load(env(file)).ca == b"a"
    assert load(env(file, certificate_authority=str(tmp_path / "own"))).ca == b"own"


def test_no_cluster_at_all_says_what_to_do() -> None:
    with pytest.raises(ConfigError) as caught:
        load(env())
    assert caught.value.message == "there is no cluster in ~/.kube/config"
    assert "--kubeconfig" in caught.value.hint


def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(env(tmp_path))
    assert caught.value.message == f'error loading config file "{tmp_path}": read {tmp_path}: is a directory'


@pytest.mark.parametrize(
    ("server", "environ", "proxy"),
    [
        ("https://k.example", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://k.example", {"HTTPS_PROXY": "p:1"}, "http://p:1"),
        ("https://k.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example"}, ""),
        ("https://10.1.2.3", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://p:1"}, ""),
        ("https://[fd00::1]", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "fd00::1"}, ""),
        ("https://[fd00::1]:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "fd00::/8"}, ""),
        ("https://[::1]", {"HTTPS_PROXY": "http://p:1"}, ""),
        ("https://k.example:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "k.example:6443"}, ""),
        ("https://k.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "k.example:443"}, ""),
        ("https://k.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "k.example:6443"}, "http://p:1"),
        ("https://k.example", {"HTTPS_PROXY": "socks5://p:1"}, "socks5://p:1"),
        ("http://k.example", {"HTTPS_PROXY": "http://p:1"}, ""),
    ],
)
def test_proxies(tmp_path: Path, server: str, environ: dict[str, str], proxy: str) -> None:
    file = write(tmp_path / "c", name="a", server=server)
    assert load(env(file, environ=environ)).proxy == proxy
