"""The child process that runs Helm's SDK."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pyflux.controllers.helm import work
from pyflux.controllers.helm.reconciler import NOT_INSTALLED, HelmReleaseController
from pyflux.controllers.helm.work import Helm, HelmEnded, HelmFailed

installed = pytest.mark.skipif(not work.is_installed(), reason="Helm's SDK (the extra helm) is not installed")


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    (tmp_path / "app" / "crds").mkdir(parents=True)
    (tmp_path / "app" / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 1.0.0\n")
    (tmp_path / "app" / "crds" / "x.yaml").write_text("kind: CustomResourceDefinition\n")
    return tmp_path / "app"


@installed
def test_load_and_package(chart: Path, tmp_path: Path) -> None:
    with Helm() as helm:
        found = helm.call("load", path=str(chart))
        assert (found["metadata"]["name"], found["crds"]) == ("app", ["kind: CustomResourceDefinition\n"])
        packed = helm.call("package", path=str(chart), version="1.0.0+x", destination=str(tmp_path))
    assert Path(packed).name == "app-1.0.0+x.tgz"


@installed
def test_what_helm_refuses_is_told_and_the_child_goes_on(chart: Path) -> None:
    with Helm() as helm:
        with pytest.raises(HelmFailed, match="nowhere"):
            helm.call("load", path="/nowhere")
        assert helm.call("load", path=str(chart))["metadata"]["version"] == "1.0.0"


@installed
def test_a_child_that_takes_too_long_is_ended(chart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_LOOK", 0.001)
    started = time.monotonic()
    with Helm() as helm, pytest.raises(HelmEnded, match="context deadline exceeded"):
        helm.call("load", limit=-work.GRACE, path=str(chart))
    assert time.monotonic() - started < 10


@installed
def test_a_child_that_ends_is_told(chart: Path) -> None:
    with Helm() as helm:
        helm.call("load", path=str(chart))
        assert helm._process is not None
        helm._process.kill()
        with pytest.raises(HelmEnded, match="ended unexpectedly with code -9"):
            helm.call("load", path=str(chart))


def test_without_the_extra_the_release_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyflux.controllers.helm.reconciler.is_installed", lambda: False)
    obj = {"metadata": {"name": "app", "namespace": "apps", "generation": 1}, "spec": {}, "status": {}}
    controller = HelmReleaseController.__new__(HelmReleaseController)
    result, observed = controller._attempt(None, obj, None)  # type: ignore[arg-type]
    found = {one["type"]: (one["status"], one["reason"]) for one in obj["status"]["conditions"]}  # type: ignore[index]
    assert found == {"Ready": ("False", NOT_INSTALLED), "Stalled": ("True", NOT_INSTALLED)}
    assert result.after is None
    assert not result.failed
    assert observed
