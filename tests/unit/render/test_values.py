"""HelmRelease values: `valuesFrom`, `targetPath` in --set notation, inline values last."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from pyflux.render.strvals import SetError, parse_into
from pyflux.render.values import ValuesError, compose


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=1", {"a": 1}),
        ("a=01", {"a": "01"}),
        ("a=true,b=null,c=x", {"a": True, "b": None, "c": "x"}),
        ("a.b.c=x", {"a": {"b": {"c": "x"}}}),
        ("a[1]=x", {"a": [None, "x"]}),
        ("a[0].b=1,a[0].c=2", {"a": [{"b": 1, "c": 2}]}),
        ("a={x,1}", {"a": ["x", 1]}),
        ("a={}", {"a": []}),
        ("a={x},b=1", {"a": ["x"], "b": 1}),
        (r"a\.b=1", {"a.b": 1}),
        (r"a=x\,y", {"a": "x,y"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=", {"a": ""}),
    ],
)
def test_set_notation(text: str, values: dict[str, Any]) -> None:
    found: dict[str, Any] = {}
    parse_into(found, text)
    assert found == values


@pytest.mark.parametrize("text", ["a", "a,b=1", "a[x]=1", "a[-1]=1", "a[99999]=1", "a={x", "a[0]x=1"])
def test_wrong_notation(text: str) -> None:
    with pytest.raises(SetError):
        parse_into({}, text)


OBJECTS = {
    ("ConfigMap", "apps", "base"): {"data": {"values.yaml": "replicas: 1\nimage:\n  tag: a\n", "tag": "5"}},
    ("Secret", "apps", "login"): {"data": {"password": b64encode(b"p,w=[1]").decode()}},
}


def lookup(kind: str, namespace: str, name: str) -> dict[str, Any] | None:
    return OBJECTS.get((kind, namespace, name))


def test_inline_values_win_over_references_and_target_paths_over_earlier_ones() -> None:
    spec = {
        "values": {"replicas": 2},
        "valuesFrom": [
            {"kind": "ConfigMap", "name": "base"},
            {"kind": "ConfigMap", "name": "base", "valuesKey": "tag", "targetPath": "image.tag"},
            {"kind": "Secret", "name": "login", "valuesKey": "password", "targetPath": "db.pass", "literal": True},
            {"kind": "Secret", "name": "absent", "optional": True},
        ],
    }
    assert compose(spec, "apps", lookup) == {"replicas": 2, "image": {"tag": 5}, "db": {"pass": "p,w=[1]"}}


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            {"kind": "ConfigMap", "name": "nope"},
            "could not resolve ConfigMap chart values reference 'apps/nope' with key 'values.yaml': "
            'configmaps "nope" not found',
        ),
        (
            {"kind": "ConfigMap", "name": "base", "valuesKey": "x"},
            "could not resolve ConfigMap chart values reference 'apps/base' with key 'x': key not found",
        ),
        (
            {"kind": "Pod", "name": "x"},
            "could not resolve Pod chart values reference 'apps/x' with key 'values.yaml': "
            "unsupported values reference kind",
        ),
    ],
)
def test_what_cannot_be_resolved(reference: dict[str, Any], message: str) -> None:
    with pytest.raises(ValuesError) as caught:
        compose({"valuesFrom": [reference]}, "apps", lookup)
    assert caught.value.message == message
