"""Helm's storage: reading and writing Secrets, JSON as Go writes it, digests of releases."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from pyflux.controllers.helm import snapshot
from pyflux.controllers.helm.storage import StorageError, Stored, decode, encode, go_json

RELEASE: dict[str, Any] = {
    "name": "app",
    "info": {
        "first_deployed": "2026-01-02T03:04:05.123456789Z",
        "last_deployed": "2026-01-02T04:04:05.5+01:00",
        "description": "Install complete",
        "status": "deployed",
    },
    "chart": {"metadata": {"name": "app", "version": "1.0.0", "apiVersion": "v2", "appVersion": "3"}},
    "config": {"a": 1},
    "manifest": "---\n# Source: app/templates/x.yaml\na: <b> & c\n",
    "hooks": [{"name": "app-test", "events": ["test"], "last_run": {"phase": ""}}],
    "version": 1,
    "namespace": "apps",
}


def stored(release: dict[str, Any]) -> Stored:
    return Stored({"metadata": {"labels": {"version": str(release["version"])}}, "data": {"release": encode(release)}})


def test_go_json_escapes_as_go() -> None:
    assert (
        go_json({"b": "<a> & \u2028", "a": [True, None, 1]})
        == '{"b":"\\u003ca\\u003e \\u0026 \\u2028","a":[true,null,1]}'
    )


def test_numbers_keep_their_text() -> None:
    text = '{"config":{"large":12345678901234567890,"small":1e-7,"half":0.5}}'
    packed = base64.b64encode(base64.b64encode(gzip.compress(text.encode()))).decode()
    assert go_json(decode(packed)) == text


def test_encode_and_decode_are_inverse() -> None:
    assert decode(encode(RELEASE)) == RELEASE


@pytest.mark.parametrize(
    "data", ["", "!", base64.b64encode(b"!").decode(), base64.b64encode(base64.b64encode(b"[]")).decode()]
)
def test_what_is_no_release_is_refused(data: str) -> None:
    with pytest.raises(StorageError):
        decode(data)


def test_observation_leaves_out_tests_and_the_charts_content() -> None:
    other = json.loads(json.dumps(RELEASE))
    other["hooks"][0]["last_run"]["phase"] = "Failed"
    other["chart"]["templates"] = [{"name": "x"}]
    assert snapshot.observation_digest(other) == snapshot.observation_digest(RELEASE)
    other["manifest"] += "b: c\n"
    assert snapshot.observation_digest(other) != snapshot.observation_digest(RELEASE)
    assert snapshot.observation_digest(RELEASE, "sha256:1") != snapshot.observation_digest(RELEASE)


def test_config_digest_of_nothing_is_that_of_nothing() -> None:
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert snapshot.config_digest({}) == snapshot.config_digest(None) == empty


def test_config_digest_does_not_depend_on_the_order_of_keys() -> None:
    one = {"b": [{"y": 1, "x": 2}], "a": {"d": "1", "c": None}}
    other = {"a": {"c": None, "d": "1"}, "b": [{"x": 2, "y": 1}]}
    assert snapshot.config_digest(one) == snapshot.config_digest(other) != snapshot.config_digest({"a": 1})


def test_snapshot() -> None:
    assert snapshot.take(stored(RELEASE), "install") == {
        "apiVersion": "v2",
        "digest": snapshot.observation_digest(RELEASE),
        "name": "app",
        "namespace": "apps",
        "version": 1,
        "status": "deployed",
        "action": "install",
        "chartName": "app",
        "chartVersion": "1.0.0",
        "appVersion": "3",
        "configDigest": snapshot.config_digest({"a": 1}),
        "firstDeployed": "2026-01-02T03:04:05Z",
        "lastDeployed": "2026-01-02T03:04:05Z",
    }


def test_test_hooks_are_filtered() -> None:
    run = {"started_at": "2026-01-02T03:04:05Z", "completed_at": "2026-01-02T03:04:06Z", "phase": "Succeeded"}
    hooks = [{"name": name, "events": ["test"], "last_run": run} for name in ("one", "two")]
    hooks.append({"name": "other", "events": ["pre-install"], "last_run": run})
    release = {**RELEASE, "hooks": hooks}
    assert sorted(snapshot.test_hooks(release, [])) == ["one", "two"]
    assert sorted(snapshot.test_hooks(release, [{"name": "one"}])) == ["one"]
    assert sorted(snapshot.test_hooks(release, [{"name": "one", "exclude": True}])) == ["two"]
    assert snapshot.test_hooks(release, [{"name": "two"}])["two"]["phase"] == "Succeeded"
