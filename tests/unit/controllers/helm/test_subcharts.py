"""Subcharts that values turn on or off; where Helm's SDK is there, checked against what it renders."""

from __future__ import annotations

import importlib.util
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pyflux.controllers.helm.subcharts import SubchartsUnreadable, chain_of, enabled
from pyflux.controllers.helm.work import Helm

Obj = dict[str, Any]

CRD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: {}}}\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n"


def chart(folder: Path, name: str, dependencies: list[Obj], values: Obj | None = None) -> Path:
    """A chart with a CRD and a template of its name."""
    (folder / "templates").mkdir(parents=True)
    (folder / "crds").mkdir()
    metadata = {"apiVersion": "v2", "name": name, "version": "1.0.0", "dependencies": dependencies}
    (folder / "Chart.yaml").write_text(json.dumps(metadata))
    (folder / "values.yaml").write_text(json.dumps(values or {}))
    (folder / "crds" / "crd.yaml").write_text(CRD.format(name))
    (folder / "templates" / "one.yaml").write_text(CONFIG.format(name))
    return folder


def on(name: str, **more: Any) -> Obj:
    return {"name": name, "version": "1.0.0", **more}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A chart with subcharts in all ways: by condition, tag and alias, unlisted, in an archive, and one in another."""
    values = {"web": {"enabled": True}, "db": {"enabled": False}, "tags": {"extra": False}}
    dependencies = [
        on("web", condition="web.enabled"),
        on("db", condition="nowhere.at,db.enabled"),
        on("more", tags=["extra", "other"]),
        on("twin", alias="first", condition="first.enabled"),
        on("packed", condition="packed.enabled"),
    ]
    root = chart(tmp_path / "top", "top", dependencies, values)
    web = chart(root / "charts/web", "web", [on("deep", condition="deep.enabled")], {"deep": {"enabled": False}})
    chart(web / "charts/deep", "deep", [])
    for name in ("db", "more", "twin", "loose"):
        chart(root / "charts" / name, name, [])
    packed = chart(tmp_path / "packed", "packed", [])
    with tarfile.open(root / "charts/packed-1.0.0.tgz", "w:gz") as archive:
        archive.add(packed, "packed")
    return root


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {"web", "twin", "loose", "packed"}),
        ({"web": {"enabled": False}}, {"twin", "loose", "packed"}),
        ({"web": {"deep": {"enabled": True}}}, {"web", "web/deep", "twin", "loose", "packed"}),
        ({"db": {"enabled": True}, "tags": {"extra": True}}, {"web", "db", "more", "twin", "loose", "packed"}),
        ({"tags": {"other": True}}, {"web", "more", "twin", "loose", "packed"}),
        ({"first": {"enabled": False}, "packed": {"enabled": False}}, {"web", "loose"}),
        ({"twin": {"enabled": False}}, {"web", "twin", "loose", "packed"}),
        ({"nowhere": {"at": True}}, {"web", "db", "twin", "loose", "packed"}),
        ({"db": {"enabled": "true"}}, {"web", "db", "twin", "loose", "packed"}),
        ({"nowhere": {"at": "x"}, "db": {"enabled": True}}, {"web", "db", "twin", "loose", "packed"}),
        ({"web": None}, {"web", "twin", "loose", "packed"}),
    ],
)
def test_what_is_turned_on(top: Path, tmp_path: Path, values: Obj, expected: set[str]) -> None:
    found = {"/".join(chain) for chain in enabled(str(top), values)}
    assert found == {"", *expected}
    packed = tmp_path / "top.tgz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(top, "top")
    assert {"/".join(chain) for chain in enabled(str(packed), values)} == found
    if importlib.util.find_spec("helm_python") is None:
        return
    import helm_python

    rendered = helm_python.Chart.load(str(packed)).render(values)
    texts = {text.split("name:")[1].strip(" }\n") for text in rendered.values() if "name:" in text}
    assert texts == {(name.rpartition("/")[2] or "top") for name in found}


def test_only_their_crds_are_applied(top: Path) -> None:
    pytest.importorskip("helm_python", reason="Helm's SDK (the extra helm) is not installed")
    with Helm() as helm:
        found = helm.call("load", path=str(top), values={"packed": {"enabled": False}})["crds"]
    assert sorted(text.split("name:")[1].strip(" }\n") for text in found) == ["loose", "top", "twin", "web"]


def test_chains() -> None:
    assert chain_of("top/crds/a.yaml") == ()
    assert chain_of("top/charts/web/crds/a.yaml") == ("web",)
    assert chain_of("top/charts/web/charts/deep/crds/charts/a.yaml") == ("web", "deep")


def test_what_cannot_be_read(top: Path) -> None:
    (top / "charts/web/values.yaml").write_text("a: [")
    with pytest.raises(SubchartsUnreadable, match=r"cannot load values\.yaml of a chart"):
        enabled(str(top), {})
