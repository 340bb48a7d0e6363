from __future__ import annotations

import io
import json

import pytest
from fake_cluster import FakeClient, make_env
from test_check import WITNESS, controller, crd

from pyflux.env import Call
from pyflux.errors import PyfluxError, UsageError
from pyflux.verbs import version
from pyflux.verbs.version import split_image


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient([crd(WITNESS, ["v1"]), controller("source-controller"), controller("helm-controller")])
    monkeypatch.setattr(version, "connect", lambda env: fake)
    return fake


def output(**values: object) -> str:
    env = make_env()
    version.run(env, Call(("version",), values={"client": False, "output": "yaml", **values}))
    assert isinstance(env.stdout, io.StringIO)
    return env.stdout.getvalue()


def test_yaml(client: FakeClient):
    assert output() == ("flux: v2.9.4\ndistribution: flux-v2.9.4\nhelm-controller: v1\nsource-controller: v1\n")


def test_json(client: FakeClient):
    text = output(output="json")
    assert list(json.loads(text)) == ["distribution", "flux", "helm-controller", "source-controller"]
    assert text.endswith("\n}\n")


def test_client_alone_needs_no_cluster():
    assert output(client=True) == "flux: v2.9.4\n"
    assert output(client=True, output="json") == '{\n  "flux": "v2.9.4"\n}\n'


def test_controllers_without_the_crds(client: FakeClient):
    del client.objects["customresourcedefinitions", "", WITNESS]
    assert output() == "flux: v2.9.4\nhelm-controller: v1\nsource-controller: v1\n"


def test_no_controllers(client: FakeClient):
    client.objects.clear()
    with pytest.raises(PyfluxError, match=r"^no deployments found in flux-system namespace$"):
        output()


def test_unknown_format():
    with pytest.raises(UsageError, match=r"^--output must be json or yaml, not xml$"):
        output(output="xml")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("fluxcd/notification-controller:v1.0.0", ("notification-controller", "v1.0.0")),
        ("ghcr.io/fluxcd/kustomize-controller:v1.0.0", ("kustomize-controller", "v1.0.0")),
        ("reg.internal:8080/fluxcd/source-controller:v1.0.0", ("source-controller", "v1.0.0")),
        ("localhost/a:v1", ("a", "v1")),
        ("fluxcd/source-controller:v1.0.1@sha256:49921d", ("source-controller", "v1.0.1@sha256:49921d")),
    ],
)
def test_images(image: str, expected: tuple[str, str]):
    assert split_image(image) == expected


def test_image_without_a_tag():
    with pytest.raises(PyfluxError, match=r"^missing image tag in image reg.internal:8080/a$"):
        split_image("reg.internal:8080/a")
