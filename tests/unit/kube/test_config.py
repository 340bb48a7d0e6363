"""Kubeconfigs are read as kubectl reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyflux.env import Env, KubeOptions
from pyflux.errors import ConfigError
from pyflux.kube.config import context_namespace, load


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
        ({"certificate_authority": "/nonexistent"}, "unable to read /nonexistent"),
        ({"as_groups": ["g"]}, "without impersonating a user"),
        ({"as_user": "u", "as_user_extra": ["x"]}, "key=value"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    file = write(tmp_path / "c", name="a", server="https://a")
    with pytest.raises(ConfigError) as caught:
        load(env(file, **options))
    assert message in caught.value.message


def test_no_cluster_at_all_says_what_to_do() -> None:
    with pytest.raises(ConfigError) as caught:
        load(env())
    assert "--kubeconfig" in caught.value.hint


def test_a_broken_file_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "c"
    file.write_text("a: [1\nb: }")
    with pytest.raises(ConfigError) as caught:
        load(env(file))
    assert str(file) in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("server", "environ", "proxy"),
    [
        ("https://k.example", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://k.example", {"HTTPS_PROXY": "p:1"}, "http://p:1"),
        ("https://k.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example"}, ""),
        ("https://10.1.2.3", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://p:1"}, ""),
        ("http://k.example", {"HTTPS_PROXY": "http://p:1"}, ""),
    ],
)
def test_proxies(tmp_path: Path, server: str, environ: dict[str, str], proxy: str) -> None:
    file = write(tmp_path / "c", name="a", server=server)
    assert load(env(file, environ=environ)).proxy == proxy
