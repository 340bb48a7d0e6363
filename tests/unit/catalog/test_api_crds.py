"""The API description expands to the CRDs of the release, when those are there to compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pyflux.catalog import api

RELEASED = Path(__file__).resolve().parents[4] / "shared" / "reference" / "crds"


def without_descriptions(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: without_descriptions(item)
            for key, item in value.items()
            if not (key == "description" and isinstance(item, str))
        }
    return [without_descriptions(item) for item in value] if isinstance(value, list) else value


def released() -> list[Path]:
    return sorted(RELEASED.glob("*.yaml"))


@pytest.mark.skipif(not RELEASED.is_dir(), reason=f"the released CRDs are not at {RELEASED}")
def test_every_released_crd_is_described():
    assert {path.stem for path in released()} == {f"{kind.group}_{kind.plural}" for kind in api.kinds()}


@pytest.mark.skipif(not RELEASED.is_dir(), reason=f"the released CRDs are not at {RELEASED}")
@pytest.mark.parametrize("path", released(), ids=lambda path: path.stem)
def test_crd_is_the_released_one(path: Path):
    expected = yaml.safe_load(path.read_text())
    own = api.crd(expected["spec"]["group"], expected["spec"]["names"]["kind"])
    assert without_descriptions(own) == without_descriptions(expected)


def test_kinds_are_found_by_group_and_name():
    kind = api.find("kustomize.toolkit.fluxcd.io", "Kustomization")
    assert kind is not None
    assert (kind.api_version, kind.plural, kind.short_names, kind.has_status) == (
        "kustomize.toolkit.fluxcd.io/v1",
        "kustomizations",
        ("ks",),
        True,
    )
    assert api.find("kustomize.toolkit.fluxcd.io", "Bucket") is None
    assert api.find("apps", "Deployment") is None
    with pytest.raises(KeyError):
        api.crd("apps", "Deployment")


def test_a_crd_is_a_copy():
    group, kind = "source.toolkit.fluxcd.io", "Bucket"
    api.crd(group, kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].clear()
    assert "spec" in api.crd(group, kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]


def test_alerts_and_providers_have_no_status_subresource():
    versions = api.crd("notification.toolkit.fluxcd.io", "Alert")["spec"]["versions"]
    assert versions[0]["subresources"] == {}
